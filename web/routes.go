package web

import (
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/httpio"
)

// Routes lists every address of the site. Nothing is served that is not here.
func (s *Site) Routes() []auth.Route {
	const (
		step = auth.SignedIn | auth.StepUp
		open = auth.SignedIn | auth.Agreed // what opens something
	)
	list := []auth.Route{
		{Method: "GET", Pattern: "/assets/{name}", Rule: auth.Open, Class: httpio.Vital, Handler: s.asset},
		{Method: "GET", Pattern: "/sw.js", Rule: auth.Open, Class: httpio.Vital, Handler: s.worker},
		{Method: "GET", Pattern: "/manifest.webmanifest", Rule: auth.Open, Class: httpio.Vital, Handler: s.manifest},

		{Method: "GET", Pattern: "/", Rule: auth.Public, Class: httpio.Feed, Handler: s.home},
		{Method: "GET", Pattern: statusPath, Rule: auth.Public, Class: httpio.Feed, Handler: s.publicStatus},
		{Method: "GET", Pattern: auth.LoginPath, Rule: auth.Public, Class: httpio.Entry, Handler: s.login},
		{Method: "GET", Pattern: "/dashboard", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.dashboard},
		{Method: "GET", Pattern: "/chain", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.chainSearch},
		{Method: "GET", Pattern: "/chain/{symbol}", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.chain},
		{Method: "POST", Pattern: "/grid/add", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.addWatch},
		{Method: "POST", Pattern: "/grid/remove", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.removeWatch},
		{Method: "GET", Pattern: "/orders", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.orderList},
		{Method: "POST", Pattern: "/orders/preview", Rule: auth.SignedIn, Class: httpio.EitherSide, Handler: s.preview},
		{Method: "POST", Pattern: "/orders", Rule: auth.SignedIn, Class: httpio.EitherSide, Handler: s.place},
		{Method: "POST", Pattern: "/orders/{id}/cancel", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.cancelOrder},
		{Method: "GET", Pattern: "/orders/{id}/replace", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.askReplace},
		{Method: "POST", Pattern: "/orders/{id}/replace", Rule: auth.SignedIn, Class: httpio.EitherSide, Handler: s.replaceOrder},
		{Method: "GET", Pattern: "/positions", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.positionList},
		{Method: "GET", Pattern: "/positions/{id}", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.position},
		{Method: "POST", Pattern: "/positions/{id}/journal", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.writeJournal},
		{Method: "POST", Pattern: "/positions/{id}/celebrate", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.celebrate},

		{Method: "GET", Pattern: leaderboardPath, Rule: auth.Public, Class: httpio.Feed, Handler: s.leaderboard},
		{Method: "GET", Pattern: tradersPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.traders},
		{Method: "GET", Pattern: tradersPath + "/{username}", Rule: auth.Public, Class: httpio.Feed, Handler: s.trader},
		{Method: "POST", Pattern: tradersPath + "/{username}/follow", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.followTrader},
		{Method: "POST", Pattern: tradersPath + "/{username}/unfollow", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.unfollowTrader},
		{Method: "GET", Pattern: "/copy", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.copying},
		{Method: "POST", Pattern: "/copy/decisions/{id}/approve", Rule: open, Class: httpio.Entry, Handler: s.approve},
		{Method: "POST", Pattern: "/copy/decisions/{id}/reject", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.reject},
		{Method: "POST", Pattern: "/copy/drift/{id}/close", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.closeDrift},
		{Method: "POST", Pattern: "/copy/drift/{id}/keep", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.keepDrift},
		{Method: "POST", Pattern: "/copy/drift/{id}/ignore", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.ignoreDrift},
		{Method: "GET", Pattern: publishingPath, Rule: auth.TraderOnly, Class: httpio.Vital, Handler: s.askPublishing},
		{Method: "POST", Pattern: publishingPath + "/stop", Rule: auth.TraderOnly, Class: httpio.Vital, Handler: s.stopPublishing},
		{Method: "POST", Pattern: publishingPath + "/resume", Rule: auth.TraderOnly | auth.Agreed, Class: httpio.Entry, Handler: s.publish},
		{Method: "POST", Pattern: "/copy/consent/withdraw", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.withdrawConsent},
		{Method: "GET", Pattern: "/copy/new", Rule: open, Class: httpio.Entry, Handler: s.newCopy},
		{Method: "POST", Pattern: "/copy/subscribe", Rule: open, Class: httpio.Entry, Handler: s.subscribe},
		{Method: "GET", Pattern: "/copy/subscriptions/{id}", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.copySettings},
		{Method: "POST", Pattern: "/copy/subscriptions/{id}", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.changeCopy},
		{Method: "GET", Pattern: "/copy/subscriptions/{id}/stop", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.askStopCopy},
		{Method: "POST", Pattern: "/copy/subscriptions/{id}/stop", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.stopCopy},
		{Method: "POST", Pattern: "/copy/subscriptions/{id}/mute", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.mute},
		{Method: "POST", Pattern: "/copy/subscriptions/{id}/unmute", Rule: open, Class: httpio.Feed, Handler: s.unmute},
		{Method: "POST", Pattern: "/copy/subscriptions/{id}/resume", Rule: open, Class: httpio.Entry, Handler: s.resume},

		{Method: "GET", Pattern: "/notifications", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.notifications},
		{Method: "POST", Pattern: "/notifications/read", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.readOne},
		{Method: "POST", Pattern: "/notifications/read-all", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.readAll},

		{Method: "GET", Pattern: brokersPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.brokerSettings},
		{Method: "GET", Pattern: brokerReturnPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.brokerReturn},
		{Method: "POST", Pattern: "/settings/brokers/connect", Rule: step | open, Class: httpio.Feed, Handler: s.connectBroker},
		{Method: "POST", Pattern: "/settings/brokers/connections/{id}/reconnect", Rule: step, Class: httpio.Feed, Handler: s.reconnectBroker},
		{Method: "POST", Pattern: "/settings/brokers/announcing", Rule: auth.TraderOnly, Class: httpio.Feed, Handler: s.setAnnouncing},
		{Method: "POST", Pattern: "/settings/brokers/select", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.selectAccount},
		{Method: "POST", Pattern: "/settings/brokers/{id}/sync", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.syncAccount},
		{Method: "GET", Pattern: "/settings/brokers/{id}/disconnect", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.askDisconnect},
		{Method: "POST", Pattern: "/settings/brokers/{id}/disconnect", Rule: step, Class: httpio.Vital, Handler: s.disconnect},
		{Method: "GET", Pattern: limitsPath, Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.limits},
		{Method: "POST", Pattern: limitsPath, Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.setLimits},
		{Method: "GET", Pattern: channelsPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.channels},
		{Method: "POST", Pattern: channelsPath + "/email/resume", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.resumeMail},
		{Method: "POST", Pattern: channelsPath + "/email/test", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.testMail},
		{Method: "POST", Pattern: channelsPath + "/email/confirm", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.confirmMail},
		{Method: "POST", Pattern: telegramPath, Rule: step, Class: httpio.Feed, Handler: s.linkTelegram},
		{Method: "GET", Pattern: "/partials/telegram", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.telegramWait},
		{Method: "POST", Pattern: telegramPath + "/confirm", Rule: step, Class: httpio.Feed, Handler: s.confirmTelegram},
		{Method: "POST", Pattern: telegramPath + "/decline", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.declineTelegram},
		{Method: "POST", Pattern: telegramPath + "/remove", Rule: step, Class: httpio.Feed, Handler: s.removeTelegram},
		{Method: "POST", Pattern: telegramPath + "/test", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.testTelegram},
		{Method: "POST", Pattern: channelsPath + "/webhook", Rule: step, Class: httpio.Feed, Handler: s.setHook},
		{Method: "POST", Pattern: channelsPath + "/webhook/rotate", Rule: step, Class: httpio.Feed, Handler: s.rotateHook},
		{Method: "POST", Pattern: channelsPath + "/webhook/remove", Rule: step, Class: httpio.Feed, Handler: s.removeHook},
		{Method: "POST", Pattern: channelsPath + "/webhook/test", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.testHook},
		{Method: "GET", Pattern: billingPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.billing},
		{Method: "POST", Pattern: billingPath + "/checkout", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.checkout},
		{Method: "POST", Pattern: billing.LinkPath, Rule: step, Class: httpio.Feed, Handler: s.beginWhop},
		{Method: "POST", Pattern: billing.LinkPath + "/unlink", Rule: step | auth.SessionOnly, Class: httpio.Vital, Handler: s.unlinkWhop},
		{Method: "GET", Pattern: billing.LinkPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.finishWhop},
		{Method: "POST", Pattern: billingPath + "/redeem", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.redeem},
		{Method: "POST", Pattern: billingPath + "/cancel", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.cancelPlan},
		{Method: "GET", Pattern: "/u/{token}", Rule: auth.Open, Class: httpio.Vital, Handler: s.mailLink},
		{Method: "POST", Pattern: "/u/{token}", Rule: auth.Open, Class: httpio.Vital, Handler: s.followMailLink},
		{Method: "GET", Pattern: "/settings", Rule: auth.SignedIn, Class: httpio.Feed, Handler: leadsTo("/me")},
		{Method: "GET", Pattern: "/settings/copying", Rule: auth.SignedIn, Class: httpio.Feed, Handler: leadsTo("/copy")},
		{Method: "GET", Pattern: "/settings/appearance", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.appearance},
		{Method: "POST", Pattern: "/settings/appearance", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.setAppearance},
		{Method: "POST", Pattern: "/settings/private", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.setPrivate},

		{Method: "GET", Pattern: haltsPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.halts},
		{Method: "POST", Pattern: haltsPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.halt},
		{Method: "POST", Pattern: "/admin/halts/resume", Rule: auth.Operator, Class: httpio.Vital, Handler: s.unhalt},
		{Method: "GET", Pattern: reviewsPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.reviews},
		{Method: "GET", Pattern: membersPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.memberships},
		{Method: "GET", Pattern: budgetPath, Rule: auth.Operator, Class: httpio.Vital, Handler: s.requestBudget},
		{Method: "POST", Pattern: "/admin/orders/{id}/not-placed", Rule: auth.Operator, Class: httpio.Vital, Handler: s.notPlaced},

		{Method: "GET", Pattern: "/me", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.me},

		{Method: "GET", Pattern: "/stop", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.stopSettings},
		{Method: "POST", Pattern: "/stop", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.stop},
		{Method: "POST", Pattern: "/stop/resume", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.resumeTrading},
	}
	list = append(list, s.shareRoutes()...)
	list = append(list, s.legalRoutes()...)
	list = append(list, s.feedRoutes()...)
	list = append(list, s.integrationRoutes()...)
	list = append(list, s.profileRoutes()...)
	list = append(list, s.peopleRoutes()...)
	list = append(list, s.leaveRoutes()...)
	list = append(list, s.preferenceRoutes()...)
	list = append(list, s.discordRoutes()...)
	list = append(list, s.tokenRoutes()...)
	list = append(list, s.queueRoutes()...)
	list = append(list, s.deliveryRoutes()...)
	list = append(list, s.auditRoutes()...)
	list = append(list, s.securityRoutes()...)
	list = append(list, s.passkeyRoutes()...)
	list = append(list, s.resultRoutes()...)
	list = append(list, s.tableRoutes()...)
	list = append(list, s.partials()...)
	if s.dev {
		list = append(list,
			auth.Route{Method: "GET", Pattern: "/gallery", Rule: auth.Public, Class: httpio.Feed, Handler: s.gallery},
			auth.Route{Method: "GET", Pattern: "/gallery/{name}", Rule: auth.Public, Class: httpio.Feed, Handler: s.gallery},
		)
	}
	return list
}

// partials are the pieces of pages that fetch themselves again.
func (s *Site) partials() []auth.Route {
	pieces := []auth.Route{
		{Pattern: "/partials/today", Class: httpio.Vital, Handler: s.todayPart},
		{Pattern: "/partials/bell", Class: httpio.Feed, Handler: s.bellPart},
		{Pattern: "/partials/stop", Class: httpio.Vital, Handler: s.stopPart},
		{Pattern: "/partials/halts", Class: httpio.Vital, Handler: s.haltsPart},
		{Pattern: "/partials/copy-preview", Class: httpio.Feed, Handler: s.setupPreviewPart},
		{Pattern: "/partials/summary", Class: httpio.Vital, Handler: s.summaryPart},
		{Pattern: "/partials/orders", Class: httpio.Vital, Handler: s.ordersPart},
		{Pattern: "/partials/positions", Class: httpio.Vital, Handler: s.positionsPart},
		{Pattern: "/partials/positions/{id}", Class: httpio.Vital, Handler: s.positionPart},
		{Pattern: "/partials/positions/{id}/chart", Class: httpio.Feed, Handler: s.chartPart},
		{Pattern: "/partials/chain/{symbol}", Class: httpio.Feed, Handler: s.chainPart},
		{Pattern: "/partials/grid", Class: httpio.Feed, Handler: s.gridPart},
		{Pattern: "/partials/ticket", Class: httpio.Vital, Handler: s.ticketPart},
		{Pattern: "/partials/line", Class: httpio.Vital, Handler: s.linePart},
		{Pattern: "/partials/notifications", Class: httpio.Feed, Handler: s.notificationsPart},
		{Pattern: "/partials/approvals", Class: httpio.Entry, Handler: s.approvalsPart},
		{Pattern: "/partials/decisions", Class: httpio.Feed, Handler: s.decisionsPart},
		{Pattern: "/partials/connecting", Class: httpio.Feed, Handler: s.connectingPart},
	}
	for i := range pieces {
		pieces[i].Method, pieces[i].Rule = "GET", auth.SignedIn
	}
	return pieces
}
