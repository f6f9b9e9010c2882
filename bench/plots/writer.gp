# SPDX-License-Identifier: GPL-2.0-only
# How long an mmap() waits.

load plots."/common.gp"
file = "6.12.csv"
set logscale y
set ylabel "longest wait in a call, microseconds"
set terminal svg size 1000,480
set xtics scale 0 rotate by -30 noenhanced
set bmargin 5
set yrange [10:100000]
set key off
set boxwidth 0.6
of(what) = rows(file, "way", "median", "clock=time quantity=longest_wait_us ".what)

set multiplot layout 1,3
set title "a call reads 1 GiB"
plot of("part=writer") using 0:2:xtic(1) with boxes linecolor rgb several, "" using 0:2:3:4 with yerrorbars linecolor "#444444" pointtype 0
unset ylabel
set title "64 threads, 0 ms"
plot of("part=crowd latency_us=0") using 0:2:xtic(1) with boxes linecolor rgb several, "" using 0:2:3:4 with yerrorbars linecolor "#444444" pointtype 0
set title "64 threads, 1 ms"
plot of("part=crowd latency_us=1000") using 0:2:xtic(1) with boxes linecolor rgb several, "" using 0:2:3:4 with yerrorbars linecolor "#444444" pointtype 0
unset multiplot
