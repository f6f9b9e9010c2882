# SPDX-License-Identifier: GPL-2.0-only
# Instructions a page by the number of missing pages, one picture for each latency.

load plots."/common.gp"
set terminal svg size 860,700
set logscale xy
set xtics (64, 512, 4096, 16384)
set mxtics 1
set xrange [45:24000]
set yrange [20:20000]
set format y "%g"
set key off

file = "matrix-6.12.csv"
of(way, latency) = rows(file, "pages", "median", sprintf("way=%s latency_us=%d", way, latency))

set multiplot layout 2,2 title "thousands of instructions a page, by missing pages"
do for [latency in "0 100 1000 10000"] {
	set title sprintf("latency of %g ms", (latency + 0) / 1000.0)
	if (latency + 0 == 10000) { set key bottom left inside vertical noenhanced }
	plot of("restart", latency + 0) using 1:2:3:4 with yerrorlines linecolor rgb restart linewidth 2 pointtype 5 pointsize 0.5 title "restart", \
	     of("ours-1", latency + 0) using 1:2:3:4 with yerrorlines linecolor rgb one linewidth 2 pointtype 7 pointsize 0.5 title "ours, 1 fault", \
	     of("ours-32", latency + 0) using 1:2:3:4 with yerrorlines linecolor rgb several linewidth 2 pointtype 9 pointsize 0.5 title "ours, 32 faults"
}
unset multiplot
