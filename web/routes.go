package web

import "github.com/alertsify/alertsify/internal/auth"

// Routes lists every address of the site. Nothing is served that is not here.
func (s *Site) Routes() []auth.Route {
	const step = auth.SignedIn | auth.StepUp
	list := []auth.Route{
		{Method: "GET", Pattern: "/assets/{name}", Rule: auth.Open, Handler: s.asset},
		{Method: "GET", Pattern: "/sw.js", Rule: auth.Open, Handler: s.worker},
		{Method: "GET", Pattern: "/manifest.webmanifest", Rule: auth.Open, Handler: s.manifest},

		{Method: "GET", Pattern: "/", Rule: auth.Public, Handler: s.home},
		{Method: "GET", Pattern: auth.LoginPath, Rule: auth.Public, Handler: s.login},
		{Method: "GET", Pattern: "/dashboard", Rule: auth.SignedIn, Handler: s.dashboard},
		{Method: "GET", Pattern: "/chain", Rule: auth.SignedIn, Handler: s.chainSearch},
		{Method: "GET", Pattern: "/chain/{symbol}", Rule: auth.SignedIn, Handler: s.chain},
		{Method: "POST", Pattern: "/grid/add", Rule: auth.SignedIn, Handler: s.addWatch},
		{Method: "POST", Pattern: "/grid/remove", Rule: auth.SignedIn, Handler: s.removeWatch},
		{Method: "GET", Pattern: "/orders", Rule: auth.SignedIn, Handler: s.orderList},
		{Method: "POST", Pattern: "/orders/preview", Rule: auth.SignedIn, Handler: s.preview},
		{Method: "POST", Pattern: "/orders", Rule: auth.SignedIn, Handler: s.place},
		{Method: "POST", Pattern: "/orders/{id}/cancel", Rule: auth.SignedIn, Handler: s.cancelOrder},
		{Method: "GET", Pattern: "/orders/{id}/replace", Rule: auth.SignedIn, Handler: s.askReplace},
		{Method: "POST", Pattern: "/orders/{id}/replace", Rule: auth.SignedIn, Handler: s.replaceOrder},
		{Method: "GET", Pattern: "/positions", Rule: auth.SignedIn, Handler: s.positionList},
		{Method: "GET", Pattern: "/positions/{id}", Rule: auth.SignedIn, Handler: s.position},
		{Method: "POST", Pattern: "/positions/{id}/journal", Rule: auth.SignedIn, Handler: s.writeJournal},
		{Method: "POST", Pattern: "/positions/{id}/celebrate", Rule: auth.SignedIn, Handler: s.celebrate},

		{Method: "GET", Pattern: tradersPath, Rule: auth.SignedIn, Handler: s.traders},
		{Method: "GET", Pattern: tradersPath + "/{username}", Rule: auth.Public, Handler: s.trader},
		{Method: "POST", Pattern: tradersPath + "/{username}/follow", Rule: auth.SignedIn, Handler: s.followTrader},
		{Method: "POST", Pattern: tradersPath + "/{username}/unfollow", Rule: auth.SignedIn, Handler: s.unfollowTrader},
		{Method: "GET", Pattern: "/copy", Rule: auth.SignedIn, Handler: s.copying},
		{Method: "POST", Pattern: "/copy/decisions/{id}/approve", Rule: auth.SignedIn, Handler: s.approve},
		{Method: "POST", Pattern: "/copy/decisions/{id}/reject", Rule: auth.SignedIn, Handler: s.reject},
		{Method: "POST", Pattern: "/copy/drift/{id}/close", Rule: auth.SignedIn, Handler: s.closeDrift},
		{Method: "POST", Pattern: "/copy/drift/{id}/keep", Rule: auth.SignedIn, Handler: s.keepDrift},
		{Method: "POST", Pattern: "/copy/drift/{id}/ignore", Rule: auth.SignedIn, Handler: s.ignoreDrift},
		{Method: "GET", Pattern: publishingPath, Rule: auth.TraderOnly, Handler: s.askPublishing},
		{Method: "POST", Pattern: publishingPath + "/stop", Rule: auth.TraderOnly, Handler: s.stopPublishing},
		{Method: "POST", Pattern: publishingPath + "/resume", Rule: auth.TraderOnly, Handler: s.publish},
		{Method: "POST", Pattern: "/copy/consent/withdraw", Rule: auth.SignedIn, Handler: s.withdrawConsent},
		{Method: "GET", Pattern: "/copy/new", Rule: auth.SignedIn, Handler: s.newCopy},
		{Method: "POST", Pattern: "/copy/subscribe", Rule: auth.SignedIn, Handler: s.subscribe},
		{Method: "GET", Pattern: "/copy/subscriptions/{id}", Rule: auth.SignedIn, Handler: s.copySettings},
		{Method: "POST", Pattern: "/copy/subscriptions/{id}", Rule: auth.SignedIn, Handler: s.changeCopy},
		{Method: "GET", Pattern: "/copy/subscriptions/{id}/stop", Rule: auth.SignedIn, Handler: s.askStopCopy},
		{Method: "POST", Pattern: "/copy/subscriptions/{id}/stop", Rule: auth.SignedIn, Handler: s.stopCopy},
		{Method: "POST", Pattern: "/copy/subscriptions/{id}/mute", Rule: auth.SignedIn, Handler: s.mute},
		{Method: "POST", Pattern: "/copy/subscriptions/{id}/unmute", Rule: auth.SignedIn, Handler: s.unmute},
		{Method: "POST", Pattern: "/copy/subscriptions/{id}/resume", Rule: auth.SignedIn, Handler: s.resume},

		{Method: "GET", Pattern: "/notifications", Rule: auth.SignedIn, Handler: s.notifications},
		{Method: "POST", Pattern: "/notifications/read", Rule: auth.SignedIn, Handler: s.readOne},
		{Method: "POST", Pattern: "/notifications/read-all", Rule: auth.SignedIn, Handler: s.readAll},

		{Method: "GET", Pattern: brokersPath, Rule: auth.SignedIn, Handler: s.brokerSettings},
		{Method: "GET", Pattern: brokerReturnPath, Rule: auth.SignedIn, Handler: s.brokerReturn},
		{Method: "POST", Pattern: "/settings/brokers/connect", Rule: step, Handler: s.connectBroker},
		{Method: "POST", Pattern: "/settings/brokers/connections/{id}/reconnect", Rule: step, Handler: s.reconnectBroker},
		{Method: "POST", Pattern: "/settings/brokers/announcing", Rule: auth.TraderOnly, Handler: s.setAnnouncing},
		{Method: "POST", Pattern: "/settings/brokers/select", Rule: auth.SignedIn, Handler: s.selectAccount},
		{Method: "POST", Pattern: "/settings/brokers/{id}/sync", Rule: auth.SignedIn, Handler: s.syncAccount},
		{Method: "GET", Pattern: "/settings/brokers/{id}/disconnect", Rule: auth.SignedIn, Handler: s.askDisconnect},
		{Method: "POST", Pattern: "/settings/brokers/{id}/disconnect", Rule: step, Handler: s.disconnect},
		{Method: "GET", Pattern: limitsPath, Rule: auth.SignedIn, Handler: s.limits},
		{Method: "POST", Pattern: limitsPath, Rule: auth.SignedIn, Handler: s.setLimits},
		{Method: "GET", Pattern: "/settings/appearance", Rule: auth.SignedIn, Handler: s.appearance},
		{Method: "POST", Pattern: "/settings/appearance", Rule: auth.SignedIn, Handler: s.setAppearance},
		{Method: "POST", Pattern: "/settings/private", Rule: auth.SignedIn, Handler: s.setPrivate},

		{Method: "GET", Pattern: haltsPath, Rule: auth.Operator, Handler: s.halts},
		{Method: "POST", Pattern: haltsPath, Rule: auth.Operator, Handler: s.halt},
		{Method: "POST", Pattern: "/admin/halts/resume", Rule: auth.Operator, Handler: s.unhalt},
		{Method: "GET", Pattern: reviewsPath, Rule: auth.Operator, Handler: s.reviews},
		{Method: "GET", Pattern: budgetPath, Rule: auth.Operator, Handler: s.requestBudget},
		{Method: "POST", Pattern: "/admin/orders/{id}/not-placed", Rule: auth.Operator, Handler: s.notPlaced},

		{Method: "GET", Pattern: "/me", Rule: auth.SignedIn, Handler: s.me},

		{Method: "GET", Pattern: "/stop", Rule: auth.SignedIn, Handler: s.stopSettings},
		{Method: "POST", Pattern: "/stop", Rule: auth.SignedIn, Handler: s.stop},
		{Method: "POST", Pattern: "/stop/resume", Rule: auth.SignedIn, Handler: s.resumeTrading},
	}
	list = append(list, s.partials()...)
	if s.dev {
		list = append(list,
			auth.Route{Method: "GET", Pattern: "/gallery", Rule: auth.Public, Handler: s.gallery},
			auth.Route{Method: "GET", Pattern: "/gallery/{name}", Rule: auth.Public, Handler: s.gallery},
		)
	}
	return list
}

// partials are the pieces of pages that fetch themselves again.
func (s *Site) partials() []auth.Route {
	pieces := []auth.Route{
		{Pattern: "/partials/today", Handler: s.todayPart},
		{Pattern: "/partials/bell", Handler: s.bellPart},
		{Pattern: "/partials/stop", Handler: s.stopPart},
		{Pattern: "/partials/copy-preview", Handler: s.setupPreviewPart},
		{Pattern: "/partials/summary", Handler: s.summaryPart},
		{Pattern: "/partials/orders", Handler: s.ordersPart},
		{Pattern: "/partials/positions", Handler: s.positionsPart},
		{Pattern: "/partials/positions/{id}", Handler: s.positionPart},
		{Pattern: "/partials/positions/{id}/chart", Handler: s.chartPart},
		{Pattern: "/partials/chain/{symbol}", Handler: s.chainPart},
		{Pattern: "/partials/grid", Handler: s.gridPart},
		{Pattern: "/partials/ticket", Handler: s.ticketPart},
		{Pattern: "/partials/line", Handler: s.linePart},
		{Pattern: "/partials/notifications", Handler: s.notificationsPart},
		{Pattern: "/partials/approvals", Handler: s.approvalsPart},
		{Pattern: "/partials/decisions", Handler: s.decisionsPart},
		{Pattern: "/partials/connecting", Handler: s.connectingPart},
	}
	for i := range pieces {
		pieces[i].Method, pieces[i].Rule = "GET", auth.SignedIn
	}
	return pieces
}
