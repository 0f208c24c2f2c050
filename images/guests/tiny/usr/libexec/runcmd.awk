# The commands of a cloud-config's runcmd, one a line: "- words", "- [a, b]" and "- |" blocks.
function quote(text) { gsub(/'/, "'\"'\"'", text); return "'" text "'" }
function bare(text) {
	gsub(/^[ \t]+|[ \t\r]+$/, "", text)
	if (text ~ /^".*"$/ || text ~ /^'.*'$/) text = substr(text, 2, length(text) - 2)
	return text
}
function flow(text, i, n, parts, line) {
	sub(/^\[/, "", text); sub(/\] *$/, "", text)
	n = split(text, parts, /,/)
	for (i = 1; i <= n; i++) line = line (i > 1 ? " " : "") quote(bare(parts[i]))
	return line
}
/^runcmd:/ { inside = 1; next }
/^[^ \t#-]/ { inside = 0 }
!inside { next }
/^[ \t]*-[ \t]*[|>]/ { block = 1; next }
/^[ \t]*-/ { block = 0; sub(/^[ \t]*-[ \t]*/, ""); print ($0 ~ /^\[/ ? flow($0) : bare($0)); next }
block { sub(/^[ \t]+/, ""); print }
