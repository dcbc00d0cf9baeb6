# awk -f bench.awk bench-limits RESULTS: what `go test -bench` printed, as a table, and each
# limit with what it was held against.

FNR == NR {
	if ($0 !~ /^#/ && NF == 4) {
		limits++
		who[limits] = "^" $1 "$"; unit[limits] = "^" $2 "$"; sense[limits] = $3; bound[limits] = $4
	}
	next
}

/^Benchmark/ && NF >= 4 {
	name = $1
	sub(/^Benchmark/, "", name)
	sub(/-[0-9]+$/, "", name)
	rows++
	row[rows] = name
	for (i = 3; i < NF; i += 2) keep(rows, $(i + 1), $i)
}

function keep(r, metric, value,    l) {
	seen[r, metric] = value
	for (l = 1; l <= limits; l++)
		if (row[r] ~ who[l] && metric ~ unit[l]) {
			held++
			verdict[held] = good(value, sense[l], bound[l]) ? "ok" : "MISSED"
			said[held] = sprintf("%-28s %-28s %10.4g %s %s", row[r], metric, value, sense[l], bound[l])
			if (verdict[held] == "MISSED") { missed++; mark[r] = mark[r] " " metric }
		}
}

function good(value, sense, bound) { return sense == ">=" ? value + 0 >= bound + 0 : value + 0 <= bound + 0 }

# first of the metrics that the row has
function pick(r, list,    names, n, i) {
	n = split(list, names, " ")
	for (i = 1; i <= n; i++)
		if ((r, names[i]) in seen) return sprintf("%.4g", seen[r, names[i]])
	return "-"
}

END {
	if (rows == 0) exit
	printf "\n%-32s %9s %9s %9s %9s\n", "benchmark", "ratio", "p50 ms", "p99 ms", "MiB"
	for (r = 1; r <= rows; r++) {
		p50 = pick(r, "p50-ms")
		if (p50 == "-" && seen[r, "ns/op"] > 0) p50 = sprintf("%.4g", seen[r, "ns/op"] / 1e6)
		printf "%-32s %9s %9s %9s %9s%s\n", row[r], pick(r, "ratio ratio-p50"), p50, pick(r, "p99-ms"), pick(r, "MiB MiB-grown idle-MiB"), mark[r] == "" ? "" : "  MISSED:" mark[r]
	}
	if (held == 0) exit
	print "\nheld against tools/bench-limits:"
	for (h = 1; h <= held; h++) printf "%-7s %s\n", verdict[h], said[h]
	printf "%d of %d limits missed\n", missed, held
}
