/// Names in the order in which they were added, each once. To add and to remove one takes the same time however many there are, amortised.
struct NamesInProgress: Sendable {
    /// With a gap where a name was removed; gaps are closed when they are the greater part.
    private var slots: [String?] = []
    private var places: [String: Int] = [:]

    var names: [String] { slots.compactMap(\.self) }

    mutating func append(_ name: String) {
        guard places[name] == nil else { return }
        places[name] = slots.count
        slots.append(name)
    }

    mutating func remove(_ name: String) {
        guard let place = places.removeValue(forKey: name) else { return }
        slots[place] = nil
        guard slots.count > 32, places.count * 2 < slots.count else { return }
        slots.removeAll { $0 == nil }
        for (place, name) in slots.enumerated() { if let name { places[name] = place } }
    }
}
