// Command hegui is the one binary: gateway, console, portal, registers and their tools.
package main

func main() {}
