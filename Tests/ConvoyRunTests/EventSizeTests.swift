import ConvoyRun
import Testing

@Suite struct EventSizeTests {
    /// A worker copies the events of all others; what is large in a few of them is not to be copied with each.
    @Test func anEventIsSmall() {
        #expect(MemoryLayout<Event>.size <= 96)
    }
}
