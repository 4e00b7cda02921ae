"""The site as a feature, for those who ask: patients of other sites cannot be predicted then."""

from __future__ import annotations

from collections.abc import Iterator

from heldout.errors import unknown_name
from heldout.features.clinical import level_column
from heldout.features.columns import FeatureColumn, Raw
from heldout.features.known import Request


def build_site(request: Request) -> Iterator[Raw | str]:
    """Yield an indicator of each site but the first, which is the reference.

    Sites are those listed under ``columns``, in that order. If none is listed they are all
    sites of the included patients, sorted: a fact of the design, fixed before any split; but
    then which columns there are depends on who is in the table, and a list does not.

    Parameters
    ----------
    request : Request
        Its ``columns`` may list the sites.

    Yields
    ------
    Raw or str
    """
    cohort = request.cohort
    if cohort.site is None or cohort.spec.site is None:
        yield (
            f"{request.where('build')}: the study has no sites. Declare 'site' in the cohort file."
        )
        return
    observed = sorted(set(cohort.site) - {""})
    sites = request.spec.columns or tuple(observed)
    strange = [site for site in observed if site not in sites]
    for site in strange:
        yield unknown_name(request.where("columns"), "site of this list", site, sites)
    if len(sites) < 2:
        yield f"{request.where('build')}: there is one site; it cannot differ. Remove this builder."
    # Patients of a site that is not listed would pass for those of the reference.
    for site in () if strange else sites[1:]:
        yield level_column(
            site,
            dict.fromkeys(sites, ""),
            column=FeatureColumn(
                name=f"site={site}",
                label=f"Site: {site}",
                inputs=(cohort.spec.site,),
                visit=cohort.spec.baseline,
                builder="site",
                level=site,
                levels=tuple(sites),
            ),
            value={},
            missing=list(cohort.spec.table.missing),
        )
