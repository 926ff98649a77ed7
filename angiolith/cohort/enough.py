"""How few rows are too few for a statistic: in one place, so that no table gives what another one withholds."""

from __future__ import annotations

# [number] Values of the smallest group for a test of numbers: a rank test of two groups of 4 hardly reaches 0.05.
# Source: definition.
GROUP_MIN = 5
# [number] Rows of the rarer outcome for a logistic model; Firth's likelihood needs them, too. Source: definition; below
# 5 events per variable see Vittinghoff and McCulloch, Am J Epidemiol 2007;165:710.
RARER_MIN = 5
# [number] Rows for a linear model. Source: definition.
ROWS_MIN = 10
# [number] Pairs for the interval and the p of a correlation: both are approximate. Source: definition.
PAIRS_MIN = 10
# [number] Clusters for cluster-robust errors. Source: definition; below 40 they are noted as too small.
CLUSTERS_NEEDED = 10
# [number] Rows for the Hosmer-Lemeshow test: 5 in each of its 10 groups. Source: Hosmer and Lemeshow 1980.
HOSMER_ROWS_MIN = 50
