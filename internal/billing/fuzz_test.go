package billing

import "testing"

// Whatever WHOP_PRODUCT_PLANS says: every product of the list has a name and a plan that
// is sold.
func FuzzParseProducts(f *testing.F) {
	f.Add("prod_a=pro,prod_b=trader")
	f.Add(" prod_a = pro ,, ")
	f.Add("=pro,prod_a=free,prod_a==pro")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseProducts(text)
		if err != nil && list != nil {
			t.Errorf("%q: %v and %v", text, list, err)
		}
		for product, plan := range list {
			if product == "" || !plan.Paying() {
				t.Errorf("%q sells %q as %q", text, product, plan)
			}
		}
		_ = list.best([]string{text, "prod_a"})
	})
}
