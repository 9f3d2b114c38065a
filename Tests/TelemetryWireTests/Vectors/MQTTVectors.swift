// SPDX-License-Identifier: Apache-2.0

/// Packets as bytes and what is in them; the case name carries the clause.
enum MQTTVectors {
    /// Variable byte integers of the standard's table (1.5.5).
    static let variables: [(value: UInt32, bytes: String)] = [
        (0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001"),
        (2_097_151, "ffff7f"), (2_097_152, "80808001"), (268_435_455, "ffffff7f"),
    ]

    static let connectV5 = "1017 0004 4d515454 05 02 001e 08 11 0000003c 21 0014 0002 7331"
    static let connectV311 = "100e 0004 4d515454 04 02 001e 0002 7331"

    /// Packets of a server: what is encoded, and its bytes.
    static let answers: [(name: String, bytes: String)] = [
        ("connack 3.1.1 accepted", "20020000"),
        ("connack 3.1.1 bad password", "20020004"),
        ("connack 5 accepted", "2003000000"),
        ("connack 5 with properties", "200b 00 00 08 21 0014 12 0002 7831"),
        ("puback 3.1.1", "40020007"), ("puback 5", "40020007"), ("puback 5 0x90", "4003000790"),
        ("pubrec 5", "50020007"), ("pubrel", "62020007"), ("pubcomp 5 0x92", "7003000792"),
        ("suback 3.1.1", "90040007 8080"), ("suback 5", "90050007 00 8787"),
        ("unsuback 3.1.1", "b0020007"), ("unsuback 5", "b0050007 00 1111"),
        ("pingresp", "d000"), ("disconnect 5 0x8e", "e0018e"), ("disconnect 5", "e000"),
    ]
}
