package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// The ticket as a screen reader hears it: every part says what it is, what it is called and
// how it stands; what changes by itself is announced, and the confirmation is a dialog with
// a name of its own.
func ticketIsReadAloud(t *testing.T, b *browser, w window) {
	p := b.visitor(t, gallerySite(t), w)
	p.person = "ava"
	p.open("/gallery/dashboard")
	p.heard("region", "Order ticket", "", "")
	p.heard("radiogroup", "Side", "", "")
	p.heard("radio", "Buy to open", "checked=true", "")
	p.heard("radio", "Sell to close", "checked=false", "")
	p.heard("textbox", "Underlying", "", "")
	p.heard("radiogroup", "Call or put", "", "")
	p.heard("combobox", "Expiration", "", "")
	p.heard("combobox", "Strike", "", "")
	p.heard("group", "Use a price", "", "")
	p.heard("button", "Ask", "", "")
	p.heard("textbox", "Contracts", "", "")
	p.heard("group", "Presets", "", "")
	p.heard("combobox", "Type", "", "")
	p.heard("textbox", "Limit price", "", "")
	p.heard("radiogroup", "Time in force", "", "")
	p.heard("combobox", "Account", "", "")
	p.heard("button", "Preview order", "", "")
	p.heard("textbox", "Quick line", "", "")
	p.heard("status", "", "live=polite", "") // toasts
	p.open("/gallery/confirm-dialog")
	p.see("dialog#confirmation[open]")
	p.heard("dialog", "Buy to open", "modal=true", "")
	p.heard("button", "Buy", "focused=true", "")
}

// heard waits until the accessibility tree has a part of a role whose name begins so, with a
// property, and described by a sentence where there is one.
func (p *tab) heard(role, name, property, description string) {
	p.t.Helper()
	var all []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(glance) {
		all = p.aloud()
		for _, said := range all {
			if strings.HasPrefix(said, role+" \""+name) && strings.Contains(said, property) && strings.Contains(said, description) {
				return
			}
		}
	}
	all = slices.DeleteFunc(all, func(said string) bool { return !strings.HasPrefix(said, role) })
	p.t.Errorf("a screen reader hears no %s %q, %s %s, but:\n%s", role, name, property, description, strings.Join(all, "\n"))
}

// aloud is what a screen reader is given, part by part.
func (p *tab) aloud() (said []string) {
	p.t.Helper()
	p.do("read it aloud", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		tree, err := chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			return err
		}
		for _, n := range tree.Nodes {
			if n.Ignored || n.Role == nil {
				continue
			}
			words := fmt.Sprintf("%s %q", plain(n.Role), plain(n.Name))
			for _, property := range n.Properties {
				words += " " + string(property.Name) + "=" + plain(property.Value)
			}
			said = append(said, words+" "+plain(n.Description))
		}
		return nil
	}))
	return said
}

func plain(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `"`)
}
