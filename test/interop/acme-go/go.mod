module namestead.test/acme-go

go 1.25

require golang.org/x/crypto v0.43.0
