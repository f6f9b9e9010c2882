# SPDX-License-Identifier: GPL-2.0-only
# lazymem as the page server: how many times as fast as beginning again.

load plots."/common.gp"
file = "6.12.csv"
set style data histogram
set style histogram clustered gap 1
set yrange [0:*]
set ylabel "times as fast as restart"
set xtics scale 0
set xlabel "source and window, latency, missing pages" offset 0,-2
set bmargin 7
set arrow from graph 0, first 1 to graph 1, first 1 nohead linecolor rgb restart dashtype 2 front

of(what) = bars(file, "source,latency_us,pages", "by_restart", "ours-1,ours-32", what)

plot of("part=source quantity=us_a_page") using 2:xtic(1) linecolor rgb one title "ours, 1 fault", \
     "" using 3 linecolor rgb several title "ours, 32 faults"
