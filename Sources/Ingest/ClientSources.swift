// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import Synchronization

/// The sources of one endpoint's clients: client identifier → source.
///
/// A source is for ever, a client identifier may be random (many tools make a new one at every
/// start), hence the bound: beyond it clients share the source of the listener.
final class ClientSources: Sendable {
    enum Resolution: Equatable {
        case own(SourceIndex)
        /// The listener's source, because there are too many or the name is no name.
        case shared(SourceIndex)
        case ringFull
    }

    private let known: Mutex<[String: SourceIndex]>
    private let listener: SourceIndex
    private let name: String
    private let countMax: Int
    private let sources: SourceRegistry

    init(listener: SourceIndex, name: String, countMax: Int, sources: SourceRegistry) {
        self.known = Mutex([:])
        self.listener = listener
        self.name = name
        self.countMax = countMax
        self.sources = sources
    }

    /// The source of a client that connects.
    func resolve(_ clientIdentifier: String) -> Resolution {
        self.known.withLock { known in
            if let source = known[clientIdentifier] { return .own(source) }
            guard known.count < self.countMax else { return .shared(self.listener) }
            let name = self.name + "/" + clientIdentifier
            switch self.sources.resolve(name, behind: self.listener, origin: .discovered) {
            case .known(let source):
                known[clientIdentifier] = source
                return .own(source)
            case .rejected: return .shared(self.listener)
            case .ringFull: return .ringFull
            }
        }
    }
}
