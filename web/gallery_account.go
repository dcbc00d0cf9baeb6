package web

import (
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/account"
	"github.com/alertsify/alertsify/internal/legal"
	"github.com/alertsify/alertsify/internal/users"
)

func cannedDocuments() acceptView {
	v := acceptView{ReturnTo: "/dashboard"}
	for _, d := range legal.Documents() {
		v.Missing = append(v.Missing, legal.Standing{Document: d})
	}
	v.Missing[0].Before = "2026-01-15"
	return v
}

func cannedDocument() legal.Document { return legal.Documents()[0] }

func cannedUser(username, name string, role users.Role, now time.Time) users.User {
	u := users.User{
		ID: uuid.NewSHA1(uuid.Nil, []byte(username)), Username: username, Name: name, Email: username + "@example.com", EmailVerified: true, Role: role,
		Status: users.StatusActive, Bio: "Mostly weeklies, small.", TimeZone: "Europe/Berlin", CreatedAt: now.Add(-90 * 24 * time.Hour),
	}
	if role.Reaches(users.Trader) {
		u.VerifiedAt = before(now, 60*24*time.Hour)
	}
	return u
}

func cannedApplication(now time.Time) users.Application {
	return users.Application{
		ID: uuid.UUID{5}, UserID: uuid.UUID{6}, Username: "ben", Name: "Ben Example", Text: "Index options since 2019, a few trades a week,\nall of them at my own broker.",
		State: users.ApplicationPending, CreatedAt: now.Add(-26 * time.Hour),
	}
}

func cannedProfilePage(now time.Time) profileView {
	return profileView{User: cannedUser("ben", "Ben Example", users.Subscriber, now)}
}

func wrongProfile(now time.Time) profileView {
	v := cannedProfilePage(now)
	declined := cannedApplication(now)
	declined.State, declined.Reason = users.ApplicationRejected, "Three months of trades here first, please."
	v.Typed, v.Wrong, v.Application = url.Values{"username": {"ava"}}, map[string]string{"username": "is taken", "timeZone": "must be a time zone such as America/New_York"}, &declined
	v.WrongText = "Say in 20 to 1000 characters what you trade."
	return v
}

func waitingProfile(now time.Time) profileView {
	v, asked := cannedProfilePage(now), cannedApplication(now)
	v.Application = &asked
	return v
}

func cannedPeople(now time.Time) peopleView {
	gone := cannedUser("zed", "Deleted user", users.Subscriber, now)
	gone.Status, gone.Email = "deleted", ""
	out := cannedUser("dora", "Dora Example", users.Trader, now)
	out.Status, out.EmailVerified = "suspended", false
	root := cannedUser("root", "Root Example", users.Admin, now)
	return peopleView{
		List: []users.User{root, cannedUser("ava", "Ava Example", users.Trader, now), out, gone}, Next: "older", Find: users.Search{Text: "a"},
		Applications: []users.Application{cannedApplication(now)}, Me: root.ID,
	}
}

func wrongPeople(now time.Time) peopleView {
	return peopleView{Applications: []users.Application{cannedApplication(now)}, NextAsked: "later", Wrong: cannedApplication(now).ID, Problem: "Give a reason of at most 500 characters; the applicant reads it."}
}

func cannedLeave() leaveView {
	return leaveView{
		Email:    emailView{Address: "ben@example.com", Mails: true},
		Leaving:  account.Leaving{Working: 1, Positions: 3, Copies: 2, Followers: 240, Accounts: 1, Renewing: true},
		Username: "ben", Typed: "Ben", Wrong: "Type your username, ben, to delete the account.",
	}
}

func waitingEmail(now time.Time) leaveView {
	v := cannedLeave()
	v.Email = emailView{
		Address: "ben@example.com", Mails: true, Waiting: &account.EmailChange{Address: "a-very-long-name-of-somebody@mail.department.example.com", ExpiresAt: now.Add(9 * time.Minute)},
		Code: "40718253", WrongCode: "The code is not the one in the mail.", Typed: "ben@example", Wrong: "The address must be an e-mail address such as name@example.com.",
	}
	return v
}
