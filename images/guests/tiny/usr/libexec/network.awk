# network-config, version 2: the addresses and gateways of one card, as "ip" commands.
#   ethernets: {eth0: {addresses: [10.0.2.5/24, "fd10::5/120"], gateway4: …, gateway6: …}}, in YAML's block form.
function plain(text) { gsub(/[]['",]/, " ", text); gsub(/^ +| +$/, "", text); return text }
function family(address) { return address ~ /:/ ? "-6" : "-4" }
function add(text, i, n, parts) {
	n = split(plain(text), parts, / +/)
	for (i = 1; i <= n; i++) if (parts[i] ~ /\//) print "ip " family(parts[i]) " addr add " parts[i] " dev " card
}
{ match($0, /^ */); depth = RLENGTH }
$1 == card ":" { inside = 1; level = depth; listing = 0; next }
inside && depth <= level && NF { inside = 0 }
!inside { next }
$1 == "addresses:" { listing = 1; sub(/^ *addresses: */, ""); add($0); next }
listing && $1 == "-" { sub(/^ *- */, ""); add($0); next }
{ listing = 0 }
$1 == "gateway4:" || $1 == "gateway6:" {
	gateways = gateways "ip " family(plain($2)) " route replace default via " plain($2) " dev " card " onlink\n"
}
END { printf "%s", gateways }
