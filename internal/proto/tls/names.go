package tls

import "strconv"

// versions are the numbers of the versions as tls.protocol.version has them.
var versions = map[uint16]string{0x0300: "3", 0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: v13}

const v13 = "1.3"

// groups are the names of the groups keys are exchanged in.
//
// Source: https://www.iana.org/assignments/tls-parameters/tls-parameters.xhtml#tls-parameters-8
var groups = map[uint16]string{
	19: "secp192r1", 21: "secp224r1", 22: "secp256k1", 23: "secp256r1", 24: "secp384r1", 25: "secp521r1",
	26: "brainpoolP256r1", 27: "brainpoolP384r1", 28: "brainpoolP512r1", 29: "x25519", 30: "x448",
	31: "brainpoolP256r1tls13", 32: "brainpoolP384r1tls13", 33: "brainpoolP512r1tls13", 41: "curveSM2",
	256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192",
	512: "MLKEM512", 513: "MLKEM768", 514: "MLKEM1024",
	4587: "SecP256r1MLKEM768", 4588: "X25519MLKEM768", 4589: "SecP384r1MLKEM1024",
	25497: "X25519Kyber768Draft00",
}

const (
	warning      = 1 // level of an alert that does not end the handshake
	closeNotify  = 0
	alertSize    = 2               // level, description
	unknownAlert = "unknown_alert" // error.type of one whose name cannot be read: it is encrypted
	notTLS       = "not_tls"       // error.type of a handshake that was answered in another protocol
)

// alerts are the names of alerts as the registry has them; missing is what ended
// with RFC 5246 or before.
//
// Source: https://www.iana.org/assignments/tls-parameters/tls-parameters.xhtml#tls-parameters-6
var alerts = map[uint8]string{
	closeNotify: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed",
	22: "record_overflow", 30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate",
	42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
	46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
	51: "decrypt_error", 52: "too_many_cids_requested", 60: "export_restriction", 70: "protocol_version",
	71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled",
	100: "no_renegotiation", 109: "missing_extension", 110: "unsupported_extension",
	111: "certificate_unobtainable", 112: "unrecognized_name", 113: "bad_certificate_status_response",
	114: "bad_certificate_hash_value", 115: "unknown_psk_identity", 116: "certificate_required",
	117: "general_error", 120: "no_application_protocol", 121: "ech_required",
}

// alertName is the error.type of an alert.
func alertName(description uint8) string {
	if name, ok := alerts[description]; ok {
		return name
	}
	return "alert_" + strconv.Itoa(int(description))
}
