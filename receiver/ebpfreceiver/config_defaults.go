package ebpfreceiver

// sensitiveQueryParameters are the names of the semantic conventions for HTTP
// and those that mostly hold secrets.
var sensitiveQueryParameters = []Parameter{
	"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "sig", "X-Goog-Signature",
	"token", "access_token", "password", "passwd", "secret", "client_secret", "api_key", "apikey",
}

// knownMethods are those of the semantic conventions for HTTP.
var knownMethods = []Token{
	"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE",
}
