// SPDX-License-Identifier: GPL-2.0-only
/* Only types: bpf2go reads their layout from here, once, for the packages event and probe. */
#include "types.h"
#include "point.h"
#include "tally.h"
#include "wire.h"

#define EXPORT(kind, name) const kind name *export_##name __attribute__((unused))

EXPORT(struct, wire_header);
EXPORT(struct, wire_open);
EXPORT(struct, wire_data);
EXPORT(struct, wire_datagram);
EXPORT(struct, wire_close);
EXPORT(struct, wire_acked);
EXPORT(struct, wire_meter);
EXPORT(struct, wire_process);
EXPORT(enum, wire_kind);
EXPORT(enum, wire_role);
EXPORT(enum, wire_data_flags);
EXPORT(enum, wire_datagram_flags);
EXPORT(enum, wire_close_flags);
EXPORT(enum, wire_verdict);
EXPORT(enum, wire_loss);
EXPORT(enum, wire_part);
EXPORT(enum, wire_verdict);
EXPORT(struct, series);
EXPORT(struct, tally);
EXPORT(enum, health_transport);
EXPORT(enum, health_failure);
EXPORT(enum, health_histogram);
EXPORT(enum, health_bytes);
EXPORT(enum, health_counts);
EXPORT(enum, health_var);
EXPORT(enum, tls_op);
EXPORT(enum, point_flags);
