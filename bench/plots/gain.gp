# SPDX-License-Identifier: GPL-2.0-only
# How many times as fast as beginning again, by latency.

load plots."/common.gp"
set terminal svg size 1000,480
file = "matrix-6.12.csv"
set style data histogram
set style histogram clustered gap 1
set logscale y
set yrange [0.5:*]
set ylabel "times as fast as restart"
set xtics scale 0
set xlabel "latency, missing pages" offset 0,-1
set bmargin 5
set arrow from graph 0, first 1 to graph 1, first 1 nohead linecolor rgb restart dashtype 2 front

of(what) = bars(file, "latency_us,pages", "by_restart", "ours-1,ours-32", "quantity=us_a_page ".what)

plot of("pages=64|512|4096") using 2:xtic(1) linecolor rgb one title "ours, 1 fault", \
     "" using 3 linecolor rgb several title "ours, 32 faults"
