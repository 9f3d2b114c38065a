// SPDX-License-Identifier: Apache-2.0

import TelemetryWire
import Testing

/// The one packet in `stream`, framed.
private func header(_ stream: [UInt8]) throws -> MQTTFixedHeader {
    var framer = MQTTFramer()
    #expect(framer.append(stream.span) == stream.count)
    guard case .packet(let header) = framer.next() else { throw MQTTFault.truncated }
    #expect(header.packetBytes == stream.count)
    return header
}

/// What an encoder wrote.
private func encoded(_ write: (inout WireBuffer) -> Void) -> [UInt8] {
    var buffer = WireBuffer(capacity: 1)
    write(&buffer)
    return buffer.array()
}

@Suite struct MQTTCodecTests {
    @Test func `variable byte integers have the bytes of the standard`() {
        for vector in MQTTVectors.variables {
            let written = encoded { MQTTEncoder.variable(vector.value, into: &$0) }
            #expect(hex(written) == vector.bytes)
        }
    }

    @Test func `the CONNECT vectors decode and encode`() throws {
        let v5 = hex(MQTTVectors.connectV5)
        let connect = try MQTTConnect(header(v5), v5.span)
        #expect(connect.version == .v5 && connect.cleanStart && connect.keepAlive == 30)
        #expect(connect.properties.sessionExpiryInterval == 60)
        #expect(connect.properties.receiveMaximum == 20)
        #expect(text(v5, connect.clientIdentifier) == "s1")
        #expect(connect.will == nil && connect.userName == nil && connect.password == nil)

        var request = MQTTConnectRequest(version: .v5, clientIdentifier: "s1")
        request.keepAlive = 30
        request.properties = [.number(.sessionExpiryInterval, 60), .number(.receiveMaximum, 20)]
        #expect(encoded { MQTTEncoder.connect(request, into: &$0) } == v5)

        let v311 = hex(MQTTVectors.connectV311)
        let old = try MQTTConnect(header(v311), v311.span)
        #expect(old.version == .v311 && old.keepAlive == 30 && old.cleanStart)
        request.version = .v311
        #expect(encoded { MQTTEncoder.connect(request, into: &$0) } == v311)
    }

    @Test func `answers have the bytes of the vectors`() {
        let written: [String: [UInt8]] = [
            "connack 3.1.1 accepted": encoded {
                MQTTEncoder.connack(.success, version: .v311, into: &$0)
            },
            "connack 3.1.1 bad password": encoded {
                MQTTEncoder.connack(.badUserNameOrPassword, version: .v311, into: &$0)
            },
            "connack 5 accepted": encoded {
                MQTTEncoder.connack(.success, version: .v5, into: &$0)
            },
            "connack 5 with properties": encoded {
                MQTTEncoder.connack(
                    .success,
                    properties: [
                        .number(.receiveMaximum, 20), .text(.assignedClientIdentifier, "x1"),
                    ], version: .v5, into: &$0)
            },
            "puback 3.1.1": encoded {
                MQTTEncoder.acknowledgement(.puback, 7, .notAuthorized, version: .v311, into: &$0)
            },
            "puback 5": encoded {
                MQTTEncoder.acknowledgement(.puback, 7, version: .v5, into: &$0)
            },
            "puback 5 0x90": encoded {
                MQTTEncoder.acknowledgement(.puback, 7, .topicNameInvalid, version: .v5, into: &$0)
            },
            "pubrec 5": encoded {
                MQTTEncoder.acknowledgement(.pubrec, 7, version: .v5, into: &$0)
            },
            "pubrel": encoded {
                MQTTEncoder.acknowledgement(.pubrel, 7, version: .v311, into: &$0)
            },
            "pubcomp 5 0x92": encoded {
                MQTTEncoder.acknowledgement(
                    .pubcomp, 7, .packetIdentifierNotFound, version: .v5, into: &$0)
            },
            "suback 3.1.1": encoded {
                MQTTEncoder.suback(7, code: 0x80, count: 2, version: .v311, into: &$0)
            },
            "suback 5": encoded {
                MQTTEncoder.suback(7, code: 0x87, count: 2, version: .v5, into: &$0)
            },
            "unsuback 3.1.1": encoded {
                MQTTEncoder.unsuback(7, code: 0x11, count: 2, version: .v311, into: &$0)
            },
            "unsuback 5": encoded {
                MQTTEncoder.unsuback(7, code: 0x11, count: 2, version: .v5, into: &$0)
            },
            "pingresp": encoded { MQTTEncoder.pingresp(into: &$0) },
            "disconnect 5 0x8e": encoded {
                MQTTEncoder.disconnect(.sessionTakenOver, version: .v5, into: &$0)
            },
            "disconnect 5": encoded { MQTTEncoder.disconnect(version: .v5, into: &$0) },
        ]
        #expect(written.count == MQTTVectors.answers.count)
        for vector in MQTTVectors.answers {
            #expect(written[vector.name] == hex(vector.bytes), "\(vector.name)")
        }
    }

    @Test func `a random CONNECT decodes to what was encoded`() throws {
        var generator = SeededGenerator(seed: 21)
        for _ in 0..<2_000 {
            let request = randomConnect(&generator)
            let bytes = encoded { MQTTEncoder.connect(request, into: &$0) }
            let connect = try MQTTConnect(header(bytes), bytes.span)
            #expect(connect.version == request.version)
            #expect(connect.cleanStart == request.cleanStart)
            #expect(connect.keepAlive == request.keepAlive)
            #expect(text(bytes, connect.clientIdentifier) == request.clientIdentifier)
            #expect(connect.userName.map { text(bytes, $0) } == request.userName)
            #expect(connect.password.map { Array(bytes[$0.range]) } == request.password)
            #expect(connect.will.map { text(bytes, $0.topic) } == request.will?.topic)
            #expect(connect.will.map { Array(bytes[$0.payload.range]) } == request.will?.payload)
            #expect(connect.will?.qos == request.will?.qos)
            #expect(connect.will?.isRetained == request.will?.isRetained)
            if request.version == .v5 {
                #expect(connect.properties.userPropertyCount == 2)
                #expect(connect.properties.maximumPacketSize == 1_000)
                #expect(connect.will?.properties.willDelayInterval ?? 7 == 7)
            }
        }
    }

    private func randomConnect(_ generator: inout SeededGenerator) -> MQTTConnectRequest {
        var request = MQTTConnectRequest(
            version: generator.pick([.v311, .v5]),
            clientIdentifier: generator.pick(["s1", "", "größe", "x/y"]))
        request.cleanStart = generator.below(2) == 0
        request.keepAlive = UInt16.random(in: 0...65_535, using: &generator)
        request.properties = [
            .user("a", "b"), .number(.maximumPacketSize, 1_000), .user("a", "c"),
        ]
        if generator.below(2) == 0 {
            request.will = MQTTConnectRequest.Will(
                topic: "state", payload: generator.pick([[], [0, 255]]),
                qos: generator.pick(QoS.allCases), isRetained: generator.below(2) == 0,
                properties: [.number(.willDelayInterval, 7), .text(.contentType, "t")])
        }
        if generator.below(2) == 0 {
            request.userName = generator.pick(["", "user"])
            if generator.below(2) == 0 { request.password = [0, 1, 2] }
        }
        return request
    }

    @Test func `a random PUBLISH decodes to what was encoded`() throws {
        var generator = SeededGenerator(seed: 22)
        for _ in 0..<3_000 {
            let version = generator.pick(MQTTVersion.allCases)
            let qos = generator.pick(QoS.allCases)
            let topic = bytes(generator.pick(["a", "plant/west/co", "größe/x"]))
            let payload = (0..<generator.pick([0, 1, 130])).map { UInt8($0) }
            let identifier = UInt16.random(in: 1...65_535, using: &generator)
            let isDuplicate = qos != .atMostOnce && generator.below(2) == 0
            let isRetained = generator.below(2) == 0
            let properties: [MQTTProperty] =
                generator.below(2) == 0
                ? []
                : [
                    .number(.payloadFormatIndicator, 1), .number(.messageExpiryInterval, 9),
                    .number(.topicAlias, 3), .binary(.correlationData, [1, 2]),
                    .text(.responseTopic, "r"), .user("k", "v"),
                ]
            let stream = encoded {
                MQTTEncoder.publish(
                    topic: topic.span, payload: payload.span, qos: qos,
                    packetIdentifier: identifier, isDuplicate: isDuplicate, isRetained: isRetained,
                    properties: properties, version: version, into: &$0)
            }
            let publish = try MQTTPublish(header(stream), stream.span, version: version)
            #expect(Array(stream[publish.topic.range]) == topic)
            #expect(Array(stream[publish.payload.range]) == payload)
            #expect(publish.qos == qos && publish.isDuplicate == isDuplicate)
            #expect(publish.isRetained == isRetained)
            #expect(publish.packetIdentifier == (qos == .atMostOnce ? 0 : identifier))
            let hasProperties = version == .v5 && !properties.isEmpty
            #expect(publish.topicAlias == (hasProperties ? 3 : 0))
            #expect(publish.messageExpiryInterval == (hasProperties ? 9 : nil))
            #expect(publish.isTextPayload == hasProperties)
        }
    }

    @Test func `acknowledgements and answers decode to what was encoded`() throws {
        for version in MQTTVersion.allCases {
            for (type, code) in [
                (MQTTPacketType.puback, MQTTReasonCode.success), (.puback, .topicNameInvalid),
                (.pubrec, .quotaExceeded), (.pubrel, .packetIdentifierNotFound),
                (.pubcomp, .success), (.puback, .noMatchingSubscribers),
            ] {
                let stream = encoded {
                    MQTTEncoder.acknowledgement(type, 513, code, version: version, into: &$0)
                }
                let decoded = try MQTTAcknowledgement(
                    header(stream), stream.span, version: version)
                #expect(decoded.packetIdentifier == 513)
                #expect(decoded.reasonCode == (version == .v5 ? code : .success))
            }
            let suback = encoded {
                MQTTEncoder.suback(9, code: 0x80, count: 200, version: version, into: &$0)
            }
            let answer = try MQTTSubscriptionAnswer(
                header(suback), suback.span, version: version)
            #expect(answer.packetIdentifier == 9 && answer.codes.count == 200)
            let connack = encoded {
                MQTTEncoder.connack(
                    .success, properties: [.number(.serverKeepAlive, 60)], version: version,
                    into: &$0)
            }
            let accepted = try MQTTConnack(header(connack), connack.span, version: version)
            #expect(accepted.code == 0 && !accepted.isSessionPresent)
            #expect(accepted.properties.serverKeepAlive == (version == .v5 ? 60 : 0))
        }
        let disconnect = encoded {
            MQTTEncoder.disconnect(
                .serverMoved, properties: [.text(.serverReference, "h:1")], version: .v5, into: &$0)
        }
        let decoded = try MQTTDisconnect(
            header(disconnect), disconnect.span, version: .v5, place: .disconnectFromServer)
        #expect(decoded.reasonCode == .serverMoved)
        #expect(decoded.properties.has(.serverReference))
    }

    @Test func `a filter list decodes to what was encoded`() throws {
        for version in MQTTVersion.allCases {
            let subscribe = encoded {
                MQTTEncoder.subscribe(
                    3, filters: [("a/#", 1), ("+", 0), ("$share/g/x", 2)], version: version,
                    into: &$0)
            }
            let decoded = try MQTTSubscribe(header(subscribe), subscribe.span, version: version)
            #expect(decoded.packetIdentifier == 3 && decoded.filterCount == 3)
            let unsubscribe = encoded {
                MQTTEncoder.unsubscribe(4, filters: ["a", "b/#"], version: version, into: &$0)
            }
            let other = try MQTTSubscribe(header(unsubscribe), unsubscribe.span, version: version)
            #expect(other.packetIdentifier == 4 && other.filterCount == 2)
        }
    }
}
