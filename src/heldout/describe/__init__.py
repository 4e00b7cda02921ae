"""Who the patients are: Table 1, precision of the scales, how scores were made, the visits.

Nothing here is learnt: these are descriptions of the patients included, made across patients,
and no feature, model or fold uses them. Differences are standardised and never tested: at this
size the p-value of a baseline difference is noise.
"""
