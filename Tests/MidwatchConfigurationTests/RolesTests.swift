// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import MidwatchConfiguration

@Suite struct RolesTests {
    private static func parse(_ text: String) -> ConfigurationResult {
        Fixture.parse("node: {name: n}\n" + text)
    }

    @Test func `roles name users and groups, and what everybody else may do`() throws {
        let result = Self.parse(
            """
            api:
              tcp: "127.0.0.1:8093"
              tokenFile: /etc/midwatch/tokens
              roles:
                admins: [anna, "1000"]
                operators: ["@shift"]
                others: viewer
            """)
        let api = try #require(result.configuration).api
        #expect(result.errors.isEmpty, "\(result.errors)")
        #expect(api.tokenFile == "/etc/midwatch/tokens")
        #expect(api.roles.accounts[.admin] == ["anna", "1000"])
        #expect(api.roles.accounts[.operator] == ["@shift"])
        #expect(api.roles.accounts[.viewer] == [])
        #expect(api.roles.others == .viewer)
    }

    @Test func `without roles those whom the socket lets in are operators`() throws {
        let api = try #require(Self.parse("log: {level: info}").configuration).api
        #expect(api.roles.others == .operator)
        #expect(api.roles.accounts.values.joined().isEmpty)
        let closed = try #require(Self.parse("api: {roles: {others: none}}").configuration)
        #expect(closed.api.roles.others == nil)
    }

    @Test(arguments: ["\"@\"", "\"a b\"", "\"a:b\""])
    func `what is no account is refused`(account: String) {
        let result = Self.parse("api: {roles: {operators: [\(account)]}}")
        #expect(
            result.errors.contains { $0.message.hasPrefix("expected a user, or a group after @") },
            "\(result.errors)")
    }

    @Test func `an area without a sensor is for operators to switch`() throws {
        let result = Self.parse(
            "areas: [{name: west, sensors: [\"a/#\"], modes: [day, night]}]")
        #expect(result.errors.isEmpty, "\(result.errors)")
        let areas = try #require(result.configuration).areas
        #expect(areas.map(\.name) == ["west"])
        #expect(areas.first?.sensor == nil)
    }
}
