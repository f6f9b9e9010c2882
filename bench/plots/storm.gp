# SPDX-License-Identifier: GPL-2.0-only
# Throughput that is kept while another thread makes invalidations.

load plots."/common.gp"
file = "6.12.csv"
set style data histogram
set style histogram clustered gap 1
set yrange [0:1.2]
set ylabel "throughput in the storm / quiet"
set xtics scale 0
set bmargin 5

of(what) = bars(file, "part", "median", "kit,loop,pagemap", what)

plot of("quantity=kept_in_storm") using 2:xtic(1) linecolor rgb several title "mirror kit", \
     "" using 3 linecolor rgb restart title "loop with one interval", \
     "" using 4 linecolor rgb stock title "pagemap, the lock alone"
