// SPDX-License-Identifier: Apache-2.0
// Connections that leave by one network interface.
#ifndef MIDWATCH_CLINUX_VIA_H
#define MIDWATCH_CLINUX_VIA_H

#include <stdint.h>

/// `clinux_tcp_begin` through the interface of this name, whatever the routes of the machine say.
///
/// Returns a descriptor or a negated errno value: -ENODEV if there is no such interface.
int clinux_tcp_begin_via(
    const void *address, uint32_t address_bytes, int family, const char *interface);

#endif
