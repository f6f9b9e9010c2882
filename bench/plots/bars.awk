# SPDX-License-Identifier: GPL-2.0-only
#
# Prints a line for each label: the label in quotes, then column y of each of `ways`
# (separated by commas, in order), or "-" if a way has no row. A label is made of the
# columns in `label` (separated by commas). `what` is as in rows.awk, but a value may be a
# pattern.

function row_matches(   i, n, pair, words) {
	n = split(what, words, " ")
	for (i = 1; i <= n; i++) {
		split(words[i], pair, "=")
		if ($column[pair[1]] !~ ("^(" pair[2] ")$"))
			return 0
	}
	return 1
}

# "1000" us become "1 ms"; each word of a part's name gets a line of its own.
function label_part(name, value) {
	if (name == "latency_us")
		return value / 1000 " ms"
	if (name == "part")
		gsub("-", "\\n", value)
	return value
}

function label_of(   i, n, names, text) {
	n = split(label, names, ",")
	for (i = 1; i <= n; i++)
		text = text (i > 1 ? "\\n" : "") label_part(names[i], $column[names[i]])
	return text
}

FNR == 1 {
	for (i = 1; i <= NF; i++)
		column[$i] = i
	next
}

row_matches() {
	name = label_of()
	if (!(name in known)) {
		known[name] = 1
		order[++count] = name
	}
	value[name, $column["way"]] = $column[y]
}

END {
	n = split(ways, names, ",")
	for (i = 1; i <= count; i++) {
		printf "\"%s\"", order[i]
		for (j = 1; j <= n; j++) {
			this = value[order[i], names[j]]
			printf " %s", this == "" ? "-" : this
		}
		print ""
	}
}
