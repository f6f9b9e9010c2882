# SPDX-License-Identifier: GPL-2.0-only
#
# Prints "X Y LEAST MOST" of the rows that match `what`: "part=missing way=restart ...".
# x and y are names of columns.

function row_matches(   i, n, pair, words) {
	n = split(what, words, " ")
	for (i = 1; i <= n; i++) {
		split(words[i], pair, "=")
		if (!(pair[1] in column)) {
			print "rows.awk: no column " pair[1] >"/dev/stderr"
			exit 1
		}
		if ($column[pair[1]] != pair[2])
			return 0
	}
	return 1
}

FNR == 1 {
	for (i = 1; i <= NF; i++)
		column[$i] = i
	next
}

row_matches() && $column[y] != "" {
	print $column[x], $column[y], $column["least"], $column["most"]
}
