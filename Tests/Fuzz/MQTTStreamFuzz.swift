// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire

/// What a connection said and did.
private struct Conversation: Equatable {
    var written: [UInt8] = []
    var publishes: [[UInt8]] = []
    var close: MQTTClose?
}

/// Holds the machine to what it promises, for any stream: one piece or many, the same follows.
///
/// The first byte says what comes before the stream (nothing, a CONNECT of 3.1.1, one of 5.0) and
/// seeds the splits.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMQTTStream(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    guard count > 0 else { return 0 }
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    var stream: [UInt8] = []
    if input[0] % 3 > 0 {
        var buffer = WireBuffer()
        MQTTEncoder.connect(
            MQTTConnectRequest(version: input[0] % 3 == 1 ? .v311 : .v5, clientIdentifier: "f"),
            into: &buffer)
        stream = buffer.array()
    }
    stream += input.dropFirst()
    let whole = converse(stream) { _ in stream.count }
    precondition(converse(stream) { _ in 1 } == whole, "byte by byte is another conversation")
    var state = UInt32(input[0]) &* 2_654_435_761 &+ 1
    let split = converse(stream) { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return 1 + Int(state >> 24) % 23
    }
    precondition(split == whole, "random pieces are another conversation")
    return 0
}

/// A recorded session with a message left over; not called present, for clean starts have it too.
private let fuzzGrant: MQTTSessionGrant = {
    var grant = MQTTSessionGrant()
    grant.assignedIdentifier = "x"
    grant.isRecorded = true
    grant.flows = [MQTTSessionGrant.Flow(identifier: 1, identity: 7, number: 1)]
    return grant
}()

private func converse(_ stream: [UInt8], _ piece: (Int) -> Int) -> Conversation {
    var options = MQTTConnectionOptions()
    options.receiveMaximum = 4
    options.unannouncedInflightMax = 4
    options.packetBytesMax = 2_048
    options.connectBytesMax = 1_024
    options.topicAliasMaximum = 2
    var machine = MQTTConnectionMachine(options: options, now: .zero)
    var conversation = Conversation()
    var offset = 0
    while offset < stream.count, conversation.close == nil {
        let end = min(stream.count, offset + max(1, piece(offset)))
        let chunk = Array(stream[offset..<end])
        var taken = 0
        while taken < chunk.count, conversation.close == nil {
            let count = machine.received(chunk.span, from: taken)
            taken += count
            let isStalled = run(&machine, &conversation)
            if count == 0, isStalled { return conversation }
            precondition(count > 0 || conversation.close != nil, "no progress")
        }
        offset = end
    }
    conversation.written = machine.outbound.array()
    return conversation
}

/// Takes steps until bytes are wanted; whether the machine is stalled.
///
/// Every third message is refused, and what is waiting becomes durable after every fourth.
private func run(_ machine: inout MQTTConnectionMachine, _ conversation: inout Conversation) -> Bool
{
    while true {
        switch machine.next(now: .zero) {
        case .needsBytes: return false
        case .stalled:
            _ = machine.durable(through: UInt64(conversation.publishes.count), now: .zero)
        case .close(let close):
            conversation.close = close
            return false
        case .connect:
            if let close = machine.connectAccepted(fuzzGrant, now: .zero) {
                conversation.close = close
                return false
            }
        case .publish(let publish): take(publish, &machine, &conversation)
        case .release:
            machine.releaseAccepted(through: UInt64(conversation.publishes.count), now: .zero)
        }
    }
}

private func take(
    _ publish: MQTTPublish, _ machine: inout MQTTConnectionMachine,
    _ conversation: inout Conversation
) {
    var entry: [UInt8] = [publish.qos.rawValue]
    machine.withPublish(publish) { topic, payload in
        for index in 0..<topic.count { entry.append(topic[index]) }
        for index in 0..<payload.count { entry.append(payload[index]) }
        checkRoundTrip(publish, topic, payload)
    }
    conversation.publishes.append(entry)
    let number = UInt64(conversation.publishes.count)
    if number % 3 == 0 {
        machine.publishRefused(.notAuthorized, now: .zero)
    } else {
        machine.publishAccepted(through: number, now: .zero)
    }
    if number % 4 == 0 { _ = machine.durable(through: number, now: .zero) }
}

/// decode(encode(x)) == x for what was decoded.
private func checkRoundTrip(
    _ publish: MQTTPublish, _ topic: borrowing Span<UInt8>, _ payload: borrowing Span<UInt8>
) {
    var buffer = WireBuffer()
    MQTTEncoder.publish(
        topic: topic, payload: payload, qos: publish.qos,
        packetIdentifier: publish.packetIdentifier, isDuplicate: publish.isDuplicate,
        isRetained: publish.isRetained, version: .v311, into: &buffer)
    let bytes = buffer.array()
    var framer = MQTTFramer(packetBytesMax: 8_192)
    _ = framer.append(bytes.span)
    guard case .packet(let header) = framer.next(),
        let again = try? MQTTPublish(header, bytes.span, version: .v311)
    else { preconditionFailure("what was encoded does not decode") }
    precondition(again.qos == publish.qos && again.isDuplicate == publish.isDuplicate, "flags")
    precondition(again.isRetained == publish.isRetained, "retain")
    precondition(again.packetIdentifier == publish.packetIdentifier, "identifier")
    precondition(again.topic.count == topic.count, "topic")
    precondition(again.payload.count == payload.count, "payload")
}
