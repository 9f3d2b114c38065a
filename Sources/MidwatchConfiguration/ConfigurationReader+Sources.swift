// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
internal import MidwatchModel

extension ConfigurationReader {
    /// Every listener, and what the file says of sources; none stands before the one it is behind.
    func sources(_ sections: [ConfigurationSection], _ ingest: IngestConfiguration)
        -> [SourceConfiguration]
    {
        var sources = self.listeners(ingest)
        var places: [String: ConfigurationSection] = [:]
        for section in sections {
            guard let source = self.source(section, listeners: sources) else { continue }
            let name = source.declaration.name
            if let first = places[name] {
                section.report(
                    .invalid, "name",
                    "\(quoted(name)) is a source in line \(first.position.line) already")
                continue
            }
            places[name] = section
            if let index = sources.firstIndex(where: { $0.declaration.name == name }) {
                var merged = source
                merged.declaration.isListener = sources[index].declaration.isListener
                merged.declaration.isTrusted = sources[index].declaration.isTrusted
                sources[index] = merged
            } else {
                sources.append(source)
            }
        }
        for (name, section) in places where section.has("behind") {
            self.checkBehind(name, section, sources)
        }
        return self.ordered(sources, places)
    }

    private func listeners(_ ingest: IngestConfiguration) -> [SourceConfiguration] {
        let udp = ingest.udp.map { listener in
            var source = SourceDeclaration(name: "udp/\(listener.name)", isListener: true)
            source.isTrusted = listener.trustSource
            return SourceConfiguration(source)
        }
        return udp
            + ingest.mqtt.map {
                SourceConfiguration(SourceDeclaration(name: "mqtt/\($0.name)", isListener: true))
            }
    }

    private func source(
        _ section: ConfigurationSection, listeners: [SourceConfiguration]
    ) -> SourceConfiguration? {
        let name = section.text("name")
        var source = SourceConfiguration(SourceDeclaration(name: name ?? ""))
        source.title = section.text("title") ?? ""
        source.declaration.behind = section.text("behind") ?? ""
        source.rationalization = self.rationalization(section)
        source.handling = self.handling(section)
        section.finish()
        guard let name else {
            if !section.has("name") {
                section.report(
                    .invalid, "name",
                    "missing; mqtt/LISTENER/CLIENT, udp/LISTENER/ADDRESS, or a word of your own")
            }
            return nil
        }
        guard name.utf8.count <= SystemLimits.sourceNameBytesMax, source.sensor != nil else {
            section.report(
                .invalid, "name",
                "expected levels separated by /, none empty, no wildcard, got \(quoted(name))")
            return nil
        }
        let isOfListener = name.hasPrefix("mqtt/") || name.hasPrefix("udp/")
        let names = listeners.map(\.declaration.name)
        if isOfListener, !names.contains(where: { name == $0 || name.hasPrefix($0 + "/") }) {
            let near = Spelling.nearest(
                to: name.split(separator: "/").prefix(2).joined(separator: "/"), among: names)
            section.report(
                .invalid, "name",
                "no listener of ingest is called so"
                    + (near.map { ", did you mean \"\($0)\"?" }
                        ?? "; there is \(names.joined(separator: ", "))"))
        }
        return source
    }

    private func checkBehind(
        _ name: String, _ section: ConfigurationSection, _ sources: [SourceConfiguration]
    ) {
        let behind = section.text("behind") ?? ""
        let names = sources.map(\.declaration.name)
        guard names.contains(behind) else {
            return self.reportUnknown(
                "source", behind, known: names, remedy: "sources", key: "behind", of: section)
        }
        let tree = SourceTree(sources.map(\.declaration))
        var chain = [name]
        while let next = tree.behind(chain[chain.count - 1]) {
            chain.append(next)
            if next == name {
                return section.report(
                    .invalid, "behind",
                    "\(chain.joined(separator: " is behind ")): take one of them out")
            }
            guard chain.count <= SystemLimits.sourceDepthMax else {
                return section.report(
                    .invalid, "behind",
                    "expected at most \(SystemLimits.sourceDepthMax) sources behind each other")
            }
        }
    }

    /// By the number of sources that each is behind.
    private func ordered(
        _ sources: [SourceConfiguration], _ places: [String: ConfigurationSection]
    ) -> [SourceConfiguration] {
        guard !places.isEmpty else { return sources }
        let tree = SourceTree(sources.map(\.declaration))
        func depth(_ name: String) -> Int {
            var (depth, name) = (0, name)
            while depth < SystemLimits.sourceDepthMax, let next = tree.behind(name) {
                (depth, name) = (depth + 1, next)
            }
            return depth
        }
        let numbered = sources.enumerated().map { (depth($1.declaration.name), $0, $1) }
        return numbered.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
    }
}
