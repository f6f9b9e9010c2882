# SPDX-License-Identifier: GPL-2.0-only
# How many times as fast as the stock call: present pages, and every second page missing.

load plots."/common.gp"
set style data histogram
set style histogram clustered gap 1
set yrange [0:*]
set ylabel "times as fast as the stock call"
set xtics scale 0
set xlabel "kind, pages" offset 0,-3
set bmargin 8
set arrow from graph 0, first 1 to graph 1, first 1 nohead linecolor rgb stock linewidth 2 front
set arrow from graph 0, first 1/1.1 to graph 1, first 1/1.1 nohead linecolor rgb stock dashtype 2 front

of(kernel) = bars(kernel.".csv", "part,memory,pages", "by_stock", "ours-32", "part=present|sparse-write|sparse-read quantity=us_a_page")

plot of("6.1") using 2:xtic(1) linecolor rgb one title "ours, 6.1", \
     of("6.12") using 2 linecolor rgb several title "ours, 6.12"
