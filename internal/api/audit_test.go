package api

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/alertsify/alertsify/internal/audit"
)

// Whoever asks for one kind of entries can name every kind there is.
func TestTheDocumentNamesEveryKindOfAudit(t *testing.T) {
	t.Parallel()
	var doc struct {
		Paths map[string]struct {
			Get struct {
				Parameters []struct {
					Name   string
					Schema struct{ Enum []string }
				}
			}
		}
	}
	if err := json.Unmarshal(specification, &doc); err != nil {
		t.Fatal(err)
	}
	for _, p := range doc.Paths["/api/admin/audit"].Get.Parameters {
		if p.Name == "kind" && slices.Equal(p.Schema.Enum, audit.Kinds()) {
			return
		}
	}
	t.Errorf("the document does not list %v", audit.Kinds())
}
