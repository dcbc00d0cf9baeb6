package main

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Somebody adds a passkey, is asked for it at their next sign-in, and confirms with it
// later that it is still them. The browser's part is Chromium's own, with a virtual
// authenticator that always says yes.
func passkeyGuards(t *testing.T, b *browser, w window) {
	s := open(t)
	ben := b.visitor(t, s.url, w)
	ben.authenticator()
	ben.signIn("ben")
	ben.open("/settings/security")
	ben.fill("[data-testid=passkeys] input[name=name]", "Ben's key")
	ben.click("[data-testid=add-passkey]")
	ben.reads("[data-testid=notice]", "Added.")
	ben.reads("[data-testid=passkey]", "Ben's key")
	ben.click("[data-testid=passkey-ask-on]")
	ben.reads("[data-testid=passkey-asked]", "at every sign-in")
	ben.inspect("security")

	ben.click("[data-testid=sign-out-everywhere]")
	ben.reads("[data-testid=notice]", "You are signed out everywhere.")
	s.exec(`update second_factors set since = since - interval '73 hours'`) // until it holds its owner could take it back without a passkey
	ben.open("/login")
	ben.click("[data-testid=sign-in-sandbox]")
	ben.click("button[value=ben]")
	ben.arrive("/login/passkey")
	ben.inspect("one more step")
	ben.click("[data-testid=show-passkey]")
	ben.arrive("/dashboard")

	s.ageSessions(16 * time.Minute)
	ben.open("/settings/security")
	ben.click("[data-testid=passkey-ask-off]")
	ben.arrive("/login")
	ben.gone("[data-testid=sign-in-sandbox]")
	ben.inspect("confirm that it is you")
	ben.click("[data-testid=show-passkey]")
	ben.arrive("/settings/security")
	ben.click("[data-testid=passkey-ask-off]")
	ben.see("[data-testid=passkey-ask-on]")
}

// authenticator gives the tab a security key whose owner is always there and known.
func (p *tab) authenticator() {
	p.t.Helper()
	p.do("plug in a security key", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
			},
		})
		return err
	}))
}
