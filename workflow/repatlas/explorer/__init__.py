"""A page on which a study is explored: opened by double click, with no server and no network.

The page's files lie in `assets`; the study's numbers become pieces, small scripts that the page
adds when it needs them, because a page opened from a disk may load scripts but nothing else.

The plots are drawn by plotly.js. Of its bundles the cartesian one has all charts in use, is a third
of the whole and starts in a third of the time, and no Python package brings it along: it lies in
`assets` as it is published (npm's plotly.js-cartesian-dist-min 4.1.1, MIT licence).
"""
