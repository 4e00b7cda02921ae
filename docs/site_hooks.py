"""What `mkdocs build` does besides: links out of docs, and no asset from outside."""

import logging
import re
from pathlib import Path
from typing import Any

log = logging.getLogger("mkdocs.hooks.heldout")
ASSET = re.compile(
    r"""<script\b[^>]*\bsrc=["']?(?P<a>(?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b(?![^>]*\brel=["']?canonical)[^>]*\bhref=["']?(?P<b>(?:https?:)?//[^"'\s>]+)"""
    r"""|<img\b[^>]*\bsrc=["']?(?P<c>(?:https?:)?//[^"'\s>]+)"""
    r"""|@import\s+(?:url\()?["']?(?P<d>(?:https?:)?//[^"'\s)]+)"""
    r"""|url\(\s*["']?(?P<e>(?:https?:)?//[^"'\s)]+)""",
    re.IGNORECASE,
)


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Name the files of the checkout to which a page links; the site does not hold them."""
    docs, here = Path(config.docs_dir), Path(page.file.abs_src_path).parent

    def named(link: re.Match[str]) -> str:
        target = (here / link["path"].split("#")[0]).resolve()
        if target.is_relative_to(docs):
            return link[0]
        if not target.exists():
            log.warning("%s links to %s, which is not there", page.file.src_uri, link["path"])
        return f"{link['text']} (`{target.relative_to(docs.parent)}`)"

    return re.sub(r"\[(?P<text>[^\]]*)\]\((?P<path>\.\./[^)\s]*)\)", named, markdown)


def outside_assets(site: Path) -> list[str]:
    """Return what the pages and styles of a site would load from elsewhere."""
    return [
        f"{file.relative_to(site)}: {next(filter(None, match.groups()))}"
        for file in sorted(site.rglob("*"))
        if file.suffix in {".html", ".css"}
        for match in ASSET.finditer(file.read_text(encoding="utf-8"))
    ]


def on_post_build(*, config: Any, **_: Any) -> None:
    """Warn of what would be loaded from elsewhere; with --strict this ends the build."""
    for asset in outside_assets(Path(config.site_dir)):
        log.warning("loaded from outside: %s", asset)
