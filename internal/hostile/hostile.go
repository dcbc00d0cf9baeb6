// Package hostile lists addresses that lead where nobody may lead us; only tests use it.
package hostile

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Least is how many addresses each place that takes one is tried with.
const Least = 500

// Inside are at least Least addresses that nothing we ever call or redirect to looks
// like: machines of our own network in every form there is, and addresses that one
// reader takes for another than the next one does. None is there twice.
func Inside() []string {
	var all []string
	for _, host := range append(numbers(), names()...) {
		all = append(all, "https://"+host+"/hook")
	}
	for _, host := range []string{"127.0.0.1", "[::1]", "169.254.169.254", "localhost", "10.0.0.1"} {
		for _, scheme := range []string{"http", "HTTP", "ftp", "gopher", "ws", "file", "dict", "ldap", "unix"} {
			all = append(all, scheme+"://"+host+"/hook")
		}
		for _, port := range []string{"22", "80", "443", "5432", "6379", "8080", "0", "65536", "-1"} {
			all = append(all, "https://"+host+":"+port+"/")
		}
	}
	all = append(all, odd()...)
	slices.Sort(all)
	return slices.Compact(all)
}

// numbers are private and special addresses as hosts, in every spelling.
func numbers() []string {
	var hosts []string
	for _, text := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255",
		"169.254.169.254", "100.64.0.1", "192.0.0.8", "198.18.0.1", "240.0.0.1", "255.255.255.255", "224.0.0.1",
		"169.254.170.2", "100.100.100.200", "192.0.2.1", "198.51.100.7", "203.0.113.9", "192.88.99.1",
	} {
		hosts = append(hosts, spellings(netip.MustParseAddr(text).As4())...)
	}
	return append(hosts,
		"[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[fe80::1]", "[fe80::1%25eth0]", "[fc00::1]", "[fd12:3456:789a::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]",
		"[2001:0:53aa:64c:0:0:80ff:fffe]", "[64:ff9b:1::7f00:1]", "[100::1]", "[::ffff:0:127.0.0.1]", "::1", "[::1", "::1]",
		"[fd00:ec2::254]", "[fe80::a9fe:a9fe]", "[3fff::1]", "[2001:10::1]", "[5f00::1]")
}

// spellings are the ways to write one IPv4 address that some reader understands.
func spellings(a [4]byte) []string {
	whole := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	dotted := fmt.Sprintf("%d.%d.%d.%d", a[0], a[1], a[2], a[3])
	hex := fmt.Sprintf("%02x%02x:%02x%02x", a[0], a[1], a[2], a[3])
	wide := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r - '0' + '０'
		}
		return r
	}, dotted)
	return []string{
		dotted, dotted + ".", strconv.FormatUint(uint64(whole), 10), fmt.Sprintf("0x%08x", whole), fmt.Sprintf("0%o", whole),
		fmt.Sprintf("0x%x.0x%x.0x%x.0x%x", a[0], a[1], a[2], a[3]), fmt.Sprintf("0%o.0%o.0%o.0%o", a[0], a[1], a[2], a[3]),
		fmt.Sprintf("%d.%d", a[0], whole&0xffffff), fmt.Sprintf("%d.%d.%d", a[0], a[1], whole&0xffff),
		"[::ffff:" + dotted + "]", "[::ffff:" + hex + "]", "[::" + dotted + "]", "[64:ff9b::" + hex + "]", "[2002:" + hex + "::1]",
		wide, strings.ReplaceAll(dotted, ".", "。"), strings.ReplaceAll(dotted, ".", "%2e"), fmt.Sprintf("%%%02x", dotted[0]) + dotted[1:],
	}
}

// names are hosts that can only be inside.
func names() []string {
	return []string{
		"localhost", "localhost.", "LOCALHOST", "LocalHost", "a.localhost", "intranet", "metadata", "db", "router.lan", "printer.local", "PRINTER.LOCAL.",
		"metadata.google.internal", "db.internal.", "nas.home.arpa", "x.onion", "", ".", "..", "-", "a..example.com", ".example.com", "exa mple.com",
		"ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "ｌｏｃａｌｈｏｓｔ", "local\u00adhost", "localhost%00.example.com", "localhost%2eexample.com", "loca%6chost",
	}
}

// odd are addresses of which two readers make two things, or that no page of ours and no
// service has.
func odd() []string {
	return []string{
		"", " ", "/", "//", "///", "://", "https:", "https:/", "https://", "https:///hook", "https:example.com/hook", "//127.0.0.1/hook", "\\\\127.0.0.1\\hook",
		"/\\127.0.0.1/hook", "\\/127.0.0.1/hook", "/\t/127.0.0.1/hook", "/\n/127.0.0.1/hook", "\t//127.0.0.1/", "https:\\\\127.0.0.1/hook", "https:/\\127.0.0.1/hook",
		"javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", " javascript:alert(1)", "data:text/html,x", "vbscript:x", "about:blank", "blob:https://127.0.0.1/x",
		"view-source:https://127.0.0.1/", "mailto:ava@example.com", "tel:1", "jar:https://127.0.0.1!/x", "file:///etc/passwd", "file:/etc/passwd",
		"https://127.0.0.1\\@example.com/", "https://example.com\\@127.0.0.1/", "https://example.com\x00.evil.example/", "https://example.com\r\nHost: 127.0.0.1/",
		"https://example.com\t/", "https://exam\nple.com/", "https://example.com:443:80/", "https://example.com:443@127.0.0.1/", "https://example.com:@127.0.0.1/",
		"https://a:b@example.com/", "https://a@example.com/", "https://@example.com/", "https://:@example.com/", "https://example.com:8443/", "https://example.com:0443x/",
		"https://example.com#@127.0.0.1/", "https://example.com/#x", "https://example.com/?#x", "https://[example.com]/", "https://[::1]:443:80/", "https://[::1%25lo]/",
		"https://%65xample.com/", "https://example.com%2f@127.0.0.1/", "https://example.com%00/", "https://exa\u200bmple.com/", "https://example\u202e.com/", "https://\xff.example.com/",
		"https://" + strings.Repeat("a", 64) + ".example.com/", "https://" + strings.Repeat("a.", 200) + "com/", "https://example.com/" + strings.Repeat("x", 3000),
	}
}

// LookAlikes are addresses that a hasty reader takes for one of the host's, path and all.
func LookAlikes(host, path string) []string {
	name, zone, _ := strings.Cut(host, ".")
	confused := strings.NewReplacer("o", "о", "a", "а", "e", "е", "p", "р", "c", "с").Replace(host) // Cyrillic
	var all []string
	for _, other := range []string{
		host + ".evil.example", "evil-" + host, "evil" + host, name + "-" + zone, name + "." + zone + ".", host + ":443", host + ":80", host + ":8443", host + ":",
		"a@" + host, ":@" + host, host + "@127.0.0.1", host + ":443@127.0.0.1", host + "\\@evil.example", host + "%40evil.example", host + "%2eevil.example", host + "%00.evil.example",
		host + "\t.evil.example", host + "#.evil.example", confused, strings.ReplaceAll(host, ".", "。"), strings.ReplaceAll(host, ".", "%2e"), "xn--" + host, host + ".local",
		"www." + host + ".localhost", name, zone, "." + host, host + "..", strings.Replace(host, name, name+"\u200b", 1), "[" + host + "]", host + ";evil.example", host + ",evil.example", "$" + host, host + " .evil.example",
	} {
		all = append(all, "https://"+other+path)
	}
	for _, start := range []string{"http://", "https:", "https:/", "https:\\\\", "https:///", "//", "\\\\", "/\\", "ftp://", "javascript://", "data://", "wss://", "httpss://", "ht\ntps://", "https ://", "https%3a//"} {
		all = append(all, start+host+path)
	}
	return all
}
