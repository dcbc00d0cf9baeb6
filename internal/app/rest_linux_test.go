package app

import "testing"

func TestOnlyTheProgramsOwnCodeIsLetGo(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]uintptr{
		"00400000-01bd9000 r-xp 00000000 08:01 131 /usr/bin/alertsify":      0x17d9000,
		"01bd9000-034c0000 r--p 017d9000 08:01 131 /usr/bin/alertsify":      0,
		"034c0000-035c0000 rw-p 030c0000 08:01 131 /usr/bin/alertsify":      0,
		"7f00a000-7f00b000 r-xp 00000000 08:01 132 /usr/lib/libc.so":        0,
		"c000000000-c000800000 rw-p 00000000 00:00 0":                       0,
		"034c0000-01bd9000 r-xp 017d9000 08:01 131 /usr/bin/alertsify":      0,
		"00400000-01bd9000 r-xp 00000000 08:01 131 /usr/bin/alertsify (de)": 0,
	} {
		if _, size, ok := codeOf(line, "/usr/bin/alertsify"); size != want || ok != (want > 0) {
			t.Errorf("%s: %x, %v", line, size, ok)
		}
	}
	letGoOfProgram() // and this goes on
}
