// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension ConfigurationReader {
    func alerts(_ section: ConfigurationSection) -> AlertsConfiguration {
        let endpointSections = section.sections("endpoints")
        let endpoints = endpointSections.map(self.endpoint)
        self.requireUnique(zip(endpointSections, endpoints.map(\.name)), "name")
        let routeSections = section.sections("routes")
        var routes = routeSections.map { self.route($0, endpoints.map(\.name)) }
        section.finish()
        if endpoints.isEmpty {
            self.issues.add(
                .advice, "no endpoint: alarms show on screens, nobody is called", key: "alerts",
                at: section.position)
        }
        if routeSections.isEmpty, !endpoints.isEmpty {
            routes = [
                AlertRouteConfiguration(
                    priorities: AlarmPriority.allCases, paths: ["#"],
                    endpoints: endpoints.map(\.name))
            ]
        }
        let takesCritical = routes.contains {
            $0.priorities.contains(.critical) && $0.paths.contains("#")
        }
        if !routeSections.isEmpty, !takesCritical {
            self.issues.add(
                .advice, "a critical alarm that fits none of these routes goes to every endpoint",
                key: "alerts.routes", at: section.position)
        }
        for (index, endpoint) in endpoints.enumerated()
        where !routes.contains(where: { $0.endpoints.contains(endpoint.name) }) {
            endpointSections[index].report(
                .advice, "name", "no route leads to \(quoted(endpoint.name))")
        }
        return AlertsConfiguration(endpoints: endpoints, routes: routes)
    }

    private func route(
        _ section: ConfigurationSection, _ names: [String]
    ) -> AlertRouteConfiguration {
        let priorities = section.choices(
            "priorities", of: Self.priorityWords)
        let paths = section.texts("paths")
        for (index, path) in paths.enumerated() where !PathTemplate.isWellFormed(path.text) {
            self.issues.add(
                .invalid, "expected a path or a template with + and #, got \(quoted(path.text))",
                key: section.name("paths[\(index)]"), at: path.position)
        }
        let endpoints = section.texts("endpoints")
        for (index, endpoint) in endpoints.enumerated() where !names.contains(endpoint.text) {
            var message = "no endpoint is named \(quoted(endpoint.text))"
            if let near = Spelling.nearest(to: endpoint.text, among: names) {
                message += ", did you mean \"\(near)\"?"
            }
            self.issues.add(
                .invalid, message, key: section.name("endpoints[\(index)]"), at: endpoint.position)
        }
        // An empty list would silence the route: absent means all, empty is a mistake.
        for key in ["priorities", "paths", "endpoints"] where section.has(key) {
            if section.isEmptyList(key) {
                section.report(.invalid, key, "empty; leave the key out to mean all")
            }
        }
        section.finish()
        return AlertRouteConfiguration(
            priorities: priorities.isEmpty ? AlarmPriority.allCases : priorities,
            paths: paths.isEmpty ? ["#"] : paths.map(\.text),
            endpoints: endpoints.isEmpty ? names : endpoints.map(\.text))
    }
}
