# SPDX-License-Identifier: GPL-2.0-only
# Page-table entries read, by the number of missing pages. Counts: the same on any machine.

load plots."/common.gp"
file = "matrix-6.12.csv"
set logscale xy
set xtics (64, 512, 4096, 16384)
set xrange [45:24000]
set xlabel "missing pages"
set ylabel "page-table entries read"
set format y "10^{%L}"
of(way) = rows(file, "pages", "entries", sprintf("way=%s latency_us=0", way))

plot of("restart") using 1:2 with linespoints linecolor rgb restart linewidth 2 pointtype 5 title "restart", \
     of("ours-1") using 1:2 with linespoints linecolor rgb one linewidth 2 pointtype 7 title "ours, 1 fault", \
     of("ours-32") using 1:2 with linespoints linecolor rgb several linewidth 2 pointtype 9 title "ours, 32 faults"
