package sandbox

import "testing"

// A world that listens on every address of the machine names itself by one that it
// answers to: what it hands out (webhooks, push endpoints) is called by that name.
func TestAWorldOnEveryAddressCanBeCalled(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{":0", "0.0.0.0:0", "127.0.0.1:0"} {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			w := openWorld(t, func(o *Options) { o.Addr = addr })
			w.register() // any call fails the test if it is not answered
			if w.secret == "" {
				t.Error("nobody was registered")
			}
		})
	}
}
