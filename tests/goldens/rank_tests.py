"""rank_tests.py: makes rank_tests.csv, what SciPy and a listing of all assignments say about two samples.

    python rank_tests.py > rank_tests.csv     # wants scipy >= 1.11; the tests read the CSV alone

Columns: both samples (blank-separated), the two-sided p of the exact Mann-Whitney test (with ties: the permutation
distribution), Hodges and Lehmann's ratio b / a and the order of its 95 % interval, from the exact distribution of U.
"""
import itertools

import numpy as np
import scipy
from scipy import stats


def exact_p(a, b):
    """SciPy's exact method where there are no ties; with ties its permutation test over all assignments."""
    if len(set(a) | set(b)) == len(a) + len(b):
        return stats.mannwhitneyu(a, b, alternative="two-sided", method="exact").pvalue
    method = stats.PermutationMethod(n_resamples=10**7)
    return stats.mannwhitneyu(a, b, alternative="two-sided", method=method).pvalue


def interval_order(n, m):
    """Largest k with P(U < k) <= 2.5 %, by listing every choice of n ranks among n + m."""
    sums = np.array([sum(c) for c in itertools.combinations(range(n + m), n)]) - n * (n - 1) // 2
    k = 0
    while np.mean(sums <= k) <= 0.025:
        k += 1
    return k


def main():
    draw = np.random.default_rng(7)
    print("a,b,p,ratio,low,high")
    shapes = [(3, 3), (4, 4), (5, 5), (5, 7), (7, 7), (7, 4), (8, 8), (10, 10), (9, 10), (2, 9)]
    for index, (n, m) in enumerate(shapes * 2):
        shift = [1.0, 1.05, 0.9, 1.5][index % 4]
        a, b = draw.lognormal(3, 0.05, n), shift * draw.lognormal(3, 0.05, m)
        digits = 6 if index < len(shapes) else 0  # whole numbers: ties within and between the samples
        a, b = np.round(a, digits), np.round(b, digits)
        ratios = np.sort(np.log(b[:, None] / a[None, :]).ravel())
        k = max(interval_order(n, m), 1)
        fields = [" ".join(f"{x:.9g}" for x in s) for s in (a, b)]
        numbers = [exact_p(a, b), np.exp(np.median(ratios)), np.exp(ratios[k - 1]), np.exp(ratios[-k])]
        print(",".join(fields + [f"{x:.15g}" for x in numbers]))


if __name__ == "__main__":
    assert tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 11)
    main()
