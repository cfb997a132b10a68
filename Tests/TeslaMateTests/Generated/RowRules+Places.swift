import Foundation

/// A place on the globe, or the middle of a circle there, as the extension earthdistance sees it.
private struct Place {
    /// In metres from the middle of the earth.
    private let coordinates: [Double]
    private static let earthRadius = 6_378_168.0

    /// Nil where a coordinate is missing.
    init?(_ row: Row) {
        guard let latitude = row.number("latitude"), let longitude = row.number("longitude") else { return nil }
        let (polar, equatorial) = (latitude * .pi / 180, longitude * .pi / 180)
        coordinates = [cos(polar) * cos(equatorial), cos(polar) * sin(equatorial), sin(polar)].map { $0 * Self.earthRadius }
    }

    /// Whether another place lies in the cube around the circle of a radius in metres. The cube reaches further than the circle.
    func surrounds(_ other: Place, radius: Double) -> Bool {
        let reach = 2 * Self.earthRadius * sin(radius / (2 * Self.earthRadius))
        return zip(coordinates, other.coordinates).allSatisfy { abs($0 - $1) <= reach }
    }
}

/// The geofence around a place; of several the one stored last.
private func geofence(around row: Row?, among geofences: [Row]) -> String? {
    guard let row, let place = Place(row) else { return nil }
    return geofences.last { geofence in
        Place(geofence)?.surrounds(place, radius: geofence.number("radius") ?? 0) ?? false
    }?["id"]
}

func assignGeofencesToAddresses(_ rows: inout StoredRows, _ before: StoredRows) {
    let geofences = rows["public.geofences"]
    rows.change("public.addresses") { $0["geofence_id"] = geofence(around: $0, among: geofences) }
}

func assignPositionsAndGeofences(_ rows: inout StoredRows, _ before: StoredRows) {
    let ofDrives = rows.byDate("public.positions", of: "drive_id")
    let geofences = rows["public.geofences"]
    let positions = Dictionary(grouping: rows["public.positions"]) { $0["id"] ?? "" }.compactMapValues(\.first)
    func geofence(at position: String?) -> String? {
        TeslaMateTests.geofence(around: position.flatMap { positions[$0] }, among: geofences)
    }
    rows.change("public.drives") { drive in
        if let (first, last) = ends(of: ofDrives[drive["id"] ?? ""] ?? []) {
            drive["start_position_id"] = first["id"]
            if last["id"] != first["id"] { drive["end_position_id"] = last["id"] }
        }
        if let found = geofence(at: drive["start_position_id"]) { drive["start_geofence_id"] = found }
        if let found = geofence(at: drive["end_position_id"]) { drive["end_geofence_id"] = found }
    }
    rows.change("public.charging_processes") { process in
        if let found = geofence(at: process["position_id"]) { process["geofence_id"] = found }
    }
}

/// Addresses in small places get the name of the place as their city.
func nameSmallPlaces(_ rows: inout StoredRows, _ before: StoredRows) throws {
    try rows.change("public.addresses") { address in
        guard let raw = address["raw"],
            let parts = try JSONDecoder().decode(GeocoderAnswer.self, from: Data(raw.utf8)).address,
            !parts.keys.filter(["village", "hamlet", "locality", "croft"].contains).isEmpty
        else { return }
        let names = ["city", "town", "municipality", "village", "hamlet", "locality", "croft"]
        guard let name = names.first(where: { parts[$0] != nil }), var city = parts[name]?.text else { return }
        while city.hasPrefix("\"") { city.removeFirst() }
        while city.hasSuffix("\"") { city.removeLast() }
        address["city"] = city
    }
}

private struct GeocoderAnswer: Decodable {
    let address: [String: Value]?

    /// A JSON value as `jsonb` writes it.
    struct Value: Decodable {
        let text: String

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                text = "null"
            } else if let number = try? container.decode(Int.self) {
                text = "\(number)"
            } else {
                let escaped = try container.decode(String.self).flatMap { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }
                text = "\"\(String(escaped))\""
            }
        }
    }
}
