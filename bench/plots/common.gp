# SPDX-License-Identifier: GPL-2.0-only
#
# What all plots share. Called by ./run bench --plots in docs/performance/, with `plots`
# set to this folder. Columns have the names in the first line of a CSV file.

set terminal svg size 860,480 dynamic font "sans-serif,13" background "#ffffff"
set datafile separator " "
set border 3 linecolor "#444444"
set tics nomirror
set grid ytics linecolor "#dddddd" linewidth 1
set key outside top center horizontal noenhanced
set style fill solid 0.9 border -1
set boxwidth 0.9

stock = "#8c8c8c"
restart = "#d95f02"
one = "#7570b3"
several = "#1b9e77"
other = "#e6ab02"

# Command that prints the matching rows of a file; see rows.awk.
rows(file, x, y, what) = sprintf("< awk -F, -v x=%s -v y=%s -v what='%s' -f %s/rows.awk %s", x, y, what, plots, file)

# Command that prints a line for each label, with the ways' values; see bars.awk.
bars(file, label, y, ways, what) = sprintf("< awk -F, -v label='%s' -v y=%s -v ways='%s' -v what='%s' -f %s/bars.awk %s", label, y, ways, what, plots, file)
