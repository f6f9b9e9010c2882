# SPDX-License-Identifier: GPL-2.0-only
#
# Reads model/uncovered, then annotated sources from gcov. Prints a table and what
# was not executed. Fails if that has no reason, or is too much.

# "FILE: SOURCE LINE = REASON"; a line may have " = " in it, a reason not.
FNR == NR {
	if (!/^#/ && match($0, /.* = /))
		reason[substr($0, 1, RLENGTH - 3)] = substr($0, RLENGTH + 1)
	next
}

# "COUNT: NUMBER: SOURCE LINE"; the branches that follow are that line's.
/^ *[^ :]+: *[0-9]+:/ {
	split($0, part, ":")
	count = part[1]
	number = part[2] + 0
	text = $0
	sub(/^[^:]*:[^:]*:[ \t]*/, "", text)
	if (number == 0 && text ~ /^Source:/) {
		file = substr(text, 8)
		ours = file ~ /^kernel\/(module\.c$|fault\/|mirror\/.*\.c$)/
	} else if (ours && count !~ /-/) {
		lines[file]++
		if (count ~ /[#=]/)
			missed("a line")
		else
			lines_run[file]++
	}
}

ours && /^branch / {
	branches[file]++
	if (/never executed|taken 0%/)
		missed("a branch")
	else
		branches_run[file]++
}

# The reason for a line holds for the one behind it too.
function missed(what, place) {
	place = file ": " text
	if (place in reason) {
		excused = file number
		used[place] = 1
		print_missed(place, what, reason[place])
	} else if (excused == file (number - 1) || excused == file number) {
		excused = file number
	} else {
		print_missed(place, what, "NO REASON in model/uncovered")
		failed = 1
	}
}

function print_missed(place, what, why) {
	if (!(place in told))
		report = report "\n" place "\n  " what " was not taken: " why "\n"
	told[place] = 1
}

function percent(part, all) {
	return all ? sprintf("%.1f%%", 100 * part / all) : "-"
}

function row(name, l, lr, b, br) {
	return sprintf("%-26s %8s %8s", name, percent(lr, l), percent(br, b))
}

END {
	printf "\n%-26s %8s %8s\n", "file", "lines", "branches"
	for (f in lines) {
		print row(f, lines[f], lines_run[f], branches[f], branches_run[f]) | "sort"
		l += lines[f]
		lr += lines_run[f]
		b += branches[f]
		br += branches_run[f]
	}
	close("sort")
	print row("all of it", l, lr, b, br)
	printf "%s", report
	for (place in reason)
		if (!(place in used)) {
			print "\n" place "\n  is covered, or gone: take it out of model/uncovered"
			failed = 1
		}
	exit failed || 100 * lr < lines_least * l || 100 * br < branches_least * b
}
