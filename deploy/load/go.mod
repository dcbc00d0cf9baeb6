module github.com/alertsify/alertsify/deploy/load

go 1.26.0
