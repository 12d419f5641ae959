from quantum.cli.main import main

main()
