package import ConvoyFleet
internal import ConvoyPostgres

/// An instance written `name` or `name@server`.
package func instance(_ text: String) -> Instance {
    let parts = text.split(separator: "@").map(String.init)
    return Instance(name: parts[0], server: parts.count > 1 ? parts[1] : "s", database: parts[0], connection: ConnectionParameters())
}

package func instances(_ text: String) -> [Instance] { text.split(separator: " ").map { instance(String($0)) } }
