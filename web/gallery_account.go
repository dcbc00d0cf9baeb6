package web

import "github.com/alertsify/alertsify/internal/legal"

func cannedDocuments() acceptView {
	v := acceptView{ReturnTo: "/dashboard"}
	for _, d := range legal.Documents() {
		v.Missing = append(v.Missing, legal.Standing{Document: d})
	}
	v.Missing[0].Before = "2026-01-15"
	return v
}

func cannedDocument() legal.Document { return legal.Documents()[0] }
