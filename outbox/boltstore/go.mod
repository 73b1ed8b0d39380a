module github.com/trackdrive-go/trackdrive/outbox/boltstore

go 1.26

require (
	github.com/stretchr/testify v1.12.1
	github.com/trackdrive-go/trackdrive v0.1.0
	go.etcd.io/bbolt v1.4.3
)

require (
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	github.com/jarcoal/httpmock v1.4.2 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.29.0 // indirect
)

replace github.com/trackdrive-go/trackdrive => ../..
