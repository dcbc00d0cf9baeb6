package app

import (
	"strings"
	"testing"
)

// Whatever a file of settings says: it is read or refused, and what is refused does not
// repeat a secret.
func FuzzSettings(f *testing.F) {
	const canary = "canary-0123456789abcdef"
	f.Add("DATABASE_URL=postgres://x\nSESSION_SECRET=\"" + canary + canary + "\"\n# a comment\n")
	f.Add("ENCRYPTION_KEYS=k1:" + canary + "\nTELEGRAM_BOT_TOKEN=" + canary + "\nWHOP_API_KEY=" + canary + "\nRESEND_WEBHOOK_SECRET=" + canary)
	f.Add("WHOP_PRODUCT_PLANS==\nTRUSTED_PROXIES=x\nRATE_API=1e9\nAPP_URL=https://%zz")
	f.Add("=\n=x\nno value")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := ReadEnvFile(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, env := range []string{Production, Development} {
			_, err := Load(env, Map(values))
			if err == nil {
				continue
			}
			for _, name := range []string{"SESSION_SECRET", "ENCRYPTION_KEYS", "TELEGRAM_BOT_TOKEN", "WHOP_API_KEY", "RESEND_WEBHOOK_SECRET", "SNAPTRADE_CONSUMER_KEY"} {
				if v := values[name]; strings.Contains(v, canary) && strings.Contains(err.Error(), canary) {
					t.Errorf("the refusal repeats %s: %v", name, err)
				}
			}
		}
	})
}
